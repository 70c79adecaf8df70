"""The null of a graft: a change as large as the donor's in every matrix, in a random direction."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from probes.causal.model_pairs import check_same_shape
from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import StrataError


@dataclass(frozen=True)
class RandomDelta:
    """`base` plus noise of the Frobenius norm ‖W_donor − W_base‖ in every parameter of a block.

    A block is made when it is asked for and held by nobody here, so there is never a second model. The noise depends
    on the seed, the block and the parameter's name, on nothing else. Gaussian noise spreads over all singular
    directions: a low-rank change of the same norm has a larger spectral norm.
    """

    base: Checkpoint
    donor: Checkpoint
    seed: int = 0

    def __post_init__(self) -> None:
        check_same_shape(self.base, self.donor)

    def block(self, layer: int) -> nn.Module:
        """Block `layer` of the base with its random change. Raises StrataError where the donor's has other parameters."""
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
                size = torch.linalg.vector_norm(theirs[name].to(parameter.device).float() - parameter.float())
                if float(size):
                    noise = self._noise(layer, name, parameter)
                    parameter.copy_(parameter.float() + noise * (size / torch.linalg.vector_norm(noise)))
        return made

    def _noise(self, layer: int, name: str, like: Tensor) -> Tensor:
        number = int.from_bytes(hashlib.sha256(f"{self.seed} {layer} {name}".encode()).digest()[:7], "big")
        generator = torch.Generator().manual_seed(number)
        return torch.randn(like.shape, generator=generator).to(like.device)
