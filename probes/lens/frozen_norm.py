"""A norm with its scale held at what one stream gave it: then it is linear, and contributions can be read out one by one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.errors import NotSupportedError

_LARGE = 1024.0
"""Beside it the small number that a norm adds under its root is nothing."""
_ALLOWED = 0.02


@dataclass(frozen=True)
class FrozenNorm:
    """`norm(h) = scale · weight · (h − mean h) + bias`, the mean only where `centred`; float32 on the CPU."""

    weight: Float[Tensor, " d_model"]
    scale: Float[Tensor, " row"]
    centred: bool

    def of_parts(self, parts: Float[Tensor, "row part d_model"]) -> Float[Tensor, "row part d_model"]:
        """What each part of a row's stream becomes; all parts of a stream and the norm's bias add up to the normed stream."""
        centred = parts - parts.mean(-1, keepdim=True) if self.centred else parts
        return centred * self.weight * self.scale[:, None, None]


def frozen_norm(norm: nn.Module, at: Float[Tensor, "row d_model"]) -> FrozenNorm:
    """`norm` with the scales it has at the streams `at`, found by calling it.

    Raises NotSupportedError for a module that isn't one scale a row, a weight a coordinate and a bias.
    """
    like = next(norm.parameters(), at)

    def called(h: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_model"]:
        with torch.no_grad():
            return norm(h.to(like)).float().cpu()

    d_model = at.shape[-1]
    even = d_model - d_model % 2
    signs = torch.ones(2, d_model)
    signs[:, 1::2] = -1
    signs[0, even:] = 0
    signs[1] = signs[0].flip(0)
    bias = called(torch.zeros(1, d_model))
    tilted = (called(_LARGE * signs) - bias) / signs.square().mean(-1, keepdim=True).rsqrt()
    weight = torch.where(signs[0] != 0, tilted[0] * signs[0], tilted[1] * signs[1])
    centred = bool((called(torch.full((1, d_model), _LARGE)) - bias).norm() < 0.5 * weight.norm())
    given = at.float().cpu()
    reference = (given - given.mean(-1, keepdim=True) if centred else given) * weight
    normed = called(at) - bias
    scale = (normed * reference).sum(-1) / reference.square().sum(-1).clamp(min=torch.finfo(torch.float32).tiny)
    gap = (normed - scale[:, None] * reference).norm(dim=-1) / normed.norm(dim=-1).clamp(min=1e-12)
    if not bool((gap <= _ALLOWED).all()):
        raise NotSupportedError(type(norm).__name__, "it isn't one scale a row and a weight a coordinate")
    return FrozenNorm(weight, scale, centred)
