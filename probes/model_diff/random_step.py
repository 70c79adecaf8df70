"""A change of a given size in a random direction, which the model's precision must not round away."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.numerics.double_precision import exact, has_float64

MISS = 0.02
"""Share of the wanted norm by which a change may miss it."""
_MOST_TRIES = 40
"""A handful does in a matrix; a few numbers can't be changed by any norm, and end here with the nearest one."""
_COARSE = 0.05
"""Share of the wanted squared norm that one rounding step may bring: a coarser step would decide the norm by itself."""


def moved(start: Float[Tensor, "*axis"], size: float, generator: torch.Generator) -> Float[Tensor, "*axis"]:
    """`start` changed in a random direction, by a change of norm `size` after rounding to the precision of `start`.

    In bfloat16 most of a small change lies below half a rounding step and would vanish. Where the norm that is left misses
    `size` by more than 2 %, values are rounded at random, to either neighbour with the odds of its nearness, and the noise is
    scaled until what is left is as large as it should be. A few numbers get the nearest norm that their steps allow.
    """
    if not size:
        return start.clone()
    noise = torch.randn(start.shape, generator=generator).to(start.device)
    plain = start + (noise * (size / float(torch.linalg.vector_norm(noise)))).to(start.dtype)
    if abs(float(distance(plain, start)) / size - 1) <= MISS:
        return plain
    odds = torch.rand(start.shape, generator=generator).to(start.device)
    # Finer than what is rounded to.
    double = start.dtype in (torch.float32, torch.float64) and has_float64(start.device)
    wide = torch.float64 if double else torch.float32
    origin, noise = start.to(wide), noise.to(wide)
    steps = torch.nextafter(start, torch.full_like(start, float("inf"))).to(wide) - origin
    # The donor's own small change left values alone whose step is larger than itself.
    fine = torch.where(steps.square() <= _COARSE * size**2, noise, 0.0)
    best, miss = start, float("inf")
    for direction in (fine, noise):
        if miss > MISS and bool(direction.any()):
            candidate, missed = _scaled(start, origin, size, direction, odds)
            best, miss = (candidate, missed) if missed < miss else (best, miss)
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
        candidate = _rounded(origin + scale * noise, odds, start.dtype)
        ratio = float(distance(candidate, start)) / size
        if abs(ratio - 1) < miss:
            best, miss = candidate, abs(ratio - 1)
        if miss <= MISS:
            break
        # The odds stay, so a larger scale never makes a smaller change: the right one lies between these two.
        low, high = (scale, high) if ratio < 1 else (low, scale)
        # Where most values move by no step or one, the square of the norm grows with the scale.
        guess = scale / ratio**2 if ratio else 16 * scale
        scale = guess if low < guess < high else (low + high) / 2
    return best, miss


def _rounded(x: Float[Tensor, "*axis"], odds: Float[Tensor, "*axis"], dtype: torch.dtype) -> Float[Tensor, "*axis"]:
    """`x` in `dtype`: the neighbour above where the share of the step that lies below `x` exceeds the odds, else the one below."""
    nearest = x.to(dtype)
    beyond = torch.where(x > nearest.to(x.dtype), float("inf"), -float("inf")).to(dtype)
    neighbour = torch.nextafter(nearest, beyond)
    below, above = torch.minimum(nearest, neighbour), torch.maximum(nearest, neighbour)
    share = (x - below.to(x.dtype)) / (above.to(x.dtype) - below.to(x.dtype))
    return torch.where(share > odds, above, below)


def distance(a: Float[Tensor, "*axis"], b: Float[Tensor, "*axis"]) -> Float[Tensor, ""]:
    """‖a − b‖ of two whole tensors, in float64 whatever their precision."""
    return torch.linalg.vector_norm(distances(a, b).flatten())


def distances(a: Float[Tensor, "*axis width"], b: Float[Tensor, "*axis width"]) -> Float[Tensor, "*axis"]:
    """‖a − b‖ along the last axis, in float64."""
    # Widened first: a difference of two bfloat16 values need not be one.
    wide = torch.promote_types(a.dtype, torch.float32)
    return torch.linalg.vector_norm(exact(a.to(wide) - b.to(wide)), dim=-1)
