"""Which affine map brings a stream nearest to the last one, in closed form?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.numerics.double_precision import exact

_STRENGTH = 0.1  # times d_model / rows: about one percent of each coordinate's variance at ten rows a dimension


@dataclass(frozen=True)
class Affine:
    """h ↦ matrix · h + bias."""

    matrix: Float[Tensor, "d_model d_model"]
    """Acts on columns."""
    bias: Float[Tensor, " d_model"]
    """Added afterwards."""

    @classmethod
    def identity(cls, d_model: int) -> Affine:
        return cls(torch.eye(d_model), torch.zeros(d_model))

    def __call__(self, h: Float[Tensor, "row d_model"]) -> Float[Tensor, "row d_model"]:
        moved: Tensor = h @ self.matrix.T + self.bias
        return moved

    def to(self, device: torch.device) -> Affine:
        return Affine(self.matrix.to(device), self.bias.to(device))


def ridge_start(h: Float[Tensor, "row d_model"], last: Float[Tensor, "row d_model"]) -> Affine:
    """min_A,b Σ w‖A h + b − last‖² + λ Σ_j var_j ‖(A − I)_j‖², w = 1/mean(last²), solved in float64.

    The penalty acts on what A changes, each input coordinate in its own units; a coordinate that never varies keeps
    its identity.
    """
    weight = _weights(last)
    centre, goal = weighted_mean(h, last), weighted_mean(last, last)
    root = weight.sqrt()[:, None]
    x = (exact(h) - exact(centre)) * root
    residual = (exact(last) - exact(goal)) * root - x
    gram = x.T @ x
    strength = _STRENGTH * h.shape[1] / len(h)
    diagonal = gram.diagonal()
    penalty = strength * diagonal + 1e-9 * diagonal.mean() + torch.finfo(torch.float64).tiny
    change = torch.linalg.solve(gram + torch.diag(penalty), x.T @ residual).T
    matrix = (torch.eye(h.shape[1], dtype=torch.float64, device=change.device) + change).float().to(h.device)
    return Affine(matrix, goal - matrix @ centre)


def weighted_mean(h: Float[Tensor, "row d_model"], last: Float[Tensor, "row d_model"]) -> Float[Tensor, " d_model"]:
    """Mean of `h` with each row weighted by 1/mean(last²), as the final norm does."""
    weight = _weights(last)
    mean: Tensor = (weight / weight.sum()) @ exact(h)
    return mean.float().to(h.device)


def _weights(last: Float[Tensor, "row d_model"]) -> Float[Tensor, " row"]:
    power = exact(last).pow(2).mean(-1)
    return 1 / power.clamp(min=1e-12 * float(power.mean()) + torch.finfo(torch.float64).tiny)
