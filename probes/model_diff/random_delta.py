"""The null of a layer swap: a change as large as the donor's in every matrix, in a random direction."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.interventions.noise import generator_for
from strata.probes.model_diff.random_step import distance, moved
from strata.probes.model_diff.shared_inputs import check_same_shape

_HELD_BYTES = 2**30
"""Size of all blocks up to which they are kept."""


@dataclass(frozen=True)
class RandomDelta:
    """`base` plus noise of the Frobenius norm ‖W_donor − W_base‖ in every parameter of a block.

    A block is made when it is asked for; those of a small model are kept for the next batch, those of a large one are not,
    so that there is never another large model. The noise depends
    on the seed, the block and the parameter's name, on nothing else. Gaussian noise spreads over all singular
    directions: a low-rank change of the same norm has a larger spectral norm.

    The norm is that of the change which is left in the model's precision, as `random_step.moved` sees to it: a small change
    becomes few rounding steps, as the donor's own is.
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
        of_donor = dict(self.donor.blocks[layer].named_parameters())
        made = copy.deepcopy(self.base.blocks[layer])
        own = dict(made.named_parameters())
        unlike = sorted(
            name
            for name in own.keys() | of_donor.keys()
            if name not in own or name not in of_donor or own[name].shape != of_donor[name].shape
        )
        if unlike:
            raise StrataError(
                f"Block {layer} of the two models differs in {unlike[0]}", "Compare models of one architecture"
            )
        with torch.no_grad():
            for name, parameter in own.items():
                size = float(distance(of_donor[name].to(parameter.device), parameter))
                if size:
                    parameter.copy_(moved(parameter, size, generator_for(self.seed, layer, name)))
        return made


def _bytes(blocks: Iterable[nn.Module]) -> int:
    return sum(p.numel() * p.element_size() for block in blocks for p in block.parameters())
