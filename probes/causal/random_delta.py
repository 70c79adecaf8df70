"""The null of a graft: a change as large as the donor's in every matrix, in a random direction."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probes.causal.model_pairs import check_same_shape
from probes.causal.noise import generator_for
from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import StrataError

_MISS = 0.02
"""Share of the wanted norm by which a change may miss it."""
_MOST_TRIES = 40
"""A handful does in a matrix; a few numbers can't be changed by any norm, and end here with the nearest one."""
_HELD_BYTES = 2**30
"""Size of all blocks up to which they are kept."""
_COARSE = 0.05
"""Share of the wanted squared norm that one rounding step may bring: a coarser step would decide the norm by itself."""


@dataclass(frozen=True)
class RandomDelta:
    """`base` plus noise of the Frobenius norm ‖W_donor − W_base‖ in every parameter of a block.

    A block is made when it is asked for; those of a small model are kept for the next batch, those of a large one are not,
    so that there is never another large model. The noise depends
    on the seed, the block and the parameter's name, on nothing else. Gaussian noise spreads over all singular
    directions: a low-rank change of the same norm has a larger spectral norm.

    The norm is that of the change which is left in the model's precision, within 2 %. In bfloat16 most of a small change lies
    below half a rounding step and would vanish; where it does, values are rounded at random, to either neighbour with the odds of
    its nearness, and the noise is scaled until what is left is as large as it should be: a small change becomes few steps,
    as the donor's own is. A parameter of a few numbers gets the nearest norm that its steps allow.
    """

    base: Checkpoint
    donor: Checkpoint
    seed: int = 0
    _held: dict[int, nn.Module] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_same_shape(self.base, self.donor)

    def block(self, layer: int) -> nn.Module:
        """Block `layer` of the base with its random change. Raises StrataError where the donor's has other parameters."""
        if layer in self._held:
            return self._held[layer]
        made = self._made(layer)
        if _bytes(self.base.blocks) <= _HELD_BYTES:
            self._held[layer] = made
        return made

    def _made(self, layer: int) -> nn.Module:
        theirs = dict(self.donor.blocks[layer].named_parameters())
        made = copy.deepcopy(self.base.blocks[layer])
        own = dict(made.named_parameters())
        unlike = sorted(
            name
            for name in own.keys() | theirs.keys()
            if name not in own or name not in theirs or own[name].shape != theirs[name].shape
        )
        if unlike:
            raise StrataError(
                f"Block {layer} of the two models differs in {unlike[0]}", "Compare models of one architecture"
            )
        with torch.no_grad():
            for name, parameter in own.items():
                size = float(_norm(theirs[name].to(parameter.device), parameter))
                if size:
                    parameter.copy_(_moved(parameter, size, generator_for(self.seed, layer, name)))
        return made


def _bytes(blocks: Iterable[nn.Module]) -> int:
    return sum(p.numel() * p.element_size() for block in blocks for p in block.parameters())


def _moved(start: Float[Tensor, "*axis"], size: float, generator: torch.Generator) -> Float[Tensor, "*axis"]:
    """`start` changed in a random direction, by a change of norm `size` after rounding to the precision of `start`."""
    noise = torch.randn(start.shape, generator=generator).to(start.device)
    plain = start + (noise * (size / float(torch.linalg.vector_norm(noise)))).to(start.dtype)
    if abs(float(_norm(plain, start)) / size - 1) <= _MISS:
        return plain
    odds = torch.rand(start.shape, generator=generator).to(start.device)
    # Finer than what is rounded to.
    wide = torch.float64 if start.dtype in (torch.float32, torch.float64) else torch.float32
    origin, noise = start.to(wide), noise.to(wide)
    steps = torch.nextafter(start, torch.full_like(start, float("inf"))).to(wide) - origin
    # The donor's own small change left values alone whose step is larger than itself.
    fine = torch.where(steps.square() <= _COARSE * size**2, noise, 0.0)
    best, miss = start, float("inf")
    for direction in (fine, noise):
        if miss > _MISS and bool(direction.any()):
            found, missed = _scaled(start, origin, size, direction, odds)
            best, miss = (found, missed) if missed < miss else (best, miss)
    return best


def _scaled(
    start: Float[Tensor, "*axis"],
    origin: Float[Tensor, "*axis"],
    size: float,
    noise: Float[Tensor, "*axis"],
    odds: Float[Tensor, "*axis"],
) -> tuple[Float[Tensor, "*axis"], float]:
    """(`start` moved by that multiple of `noise` of which `size` is left, share of `size` by which this is missed)."""
    scale = size / float(torch.linalg.vector_norm(noise))
    low, high = 0.0, float("inf")
    best, miss = start, float("inf")
    for _ in range(_MOST_TRIES):
        found = _rounded(origin + scale * noise, odds, start.dtype)
        ratio = float(_norm(found, start)) / size
        if abs(ratio - 1) < miss:
            best, miss = found, abs(ratio - 1)
        if miss <= _MISS:
            break
        # The odds stay, so a larger scale never makes a smaller change: the right one lies between these two.
        low, high = (scale, high) if ratio < 1 else (low, scale)
        # Where most values move by no step or one, the square of the norm grows with the scale.
        guess = scale / ratio**2 if ratio else 16 * scale
        scale = guess if low < guess < high else (low + high) / 2
    return best, miss


def _rounded(x: Float[Tensor, "*axis"], odds: Float[Tensor, "*axis"], dtype: torch.dtype) -> Float[Tensor, "*axis"]:
    """`x` in `dtype`: the neighbour above where the share of the step that lies below `x` exceeds the odds, else the one below."""
    one = x.to(dtype)
    beyond = torch.where(x > one.to(x.dtype), float("inf"), -float("inf")).to(dtype)
    two = torch.nextafter(one, beyond)
    below, above = torch.minimum(one, two), torch.maximum(one, two)
    share = (x - below.to(x.dtype)) / (above.to(x.dtype) - below.to(x.dtype))
    return torch.where(share > odds, above, below)


def _norm(a: Float[Tensor, "*axis"], b: Float[Tensor, "*axis"]) -> Float[Tensor, ""]:
    # Widened first: a difference of two bfloat16 values need not be one.
    wide = torch.promote_types(a.dtype, torch.float32)
    return torch.linalg.vector_norm(a.to(wide) - b.to(wide), dtype=torch.float64)
