"""Which rotation takes one model's stream to another's, and how near do they come under it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.numerics.double_precision import exact

_TOWARDS_IDENTITY = 1e-9


@dataclass(frozen=True)
class OrthogonalMap:
    """`y ≈ (x − x̄) R + ȳ` with R orthogonal."""

    rotation: Float[Tensor, "d_model d_model"]
    """R, float64: no stretching, so what is alike after it was alike up to a change of basis."""
    from_mean: Float[Tensor, " d_model"]
    """x̄ of the items it was fitted on."""
    to_mean: Float[Tensor, " d_model"]
    """ȳ."""

    def __call__(self, x: Float[Tensor, "item d_model"]) -> Float[Tensor, "item d_model"]:
        """`x` in the other model's basis, in the dtype of `x`."""
        return ((exact(x) - self.from_mean) @ self.rotation + self.to_mean).to(x.dtype)


def fit_orthogonal(x: Float[Tensor, "item d_model"], y: Float[Tensor, "item d_model"]) -> OrthogonalMap:
    """The orthogonal Procrustes solution: R of the least ‖(x − x̄) R − (y − ȳ)‖ (Schönemann 1966).

    Directions that the items say nothing about (there are some with fewer items than dimensions) stay as they are:
    among the solutions it is the one nearest to the identity. Score it on other items than these: it fits any two sets
    of few items well, and carries over what they share by chance. Raises StrataError for sets of unlike shape.
    """
    if x.shape != y.shape:
        raise StrataError(
            f"Activations of shape {tuple(x.shape)} can't be mapped on {tuple(y.shape)}",
            "Give the same items of two models of one width",
        )
    from_mean, to_mean = exact(x).mean(0), exact(y).mean(0)
    a, b = exact(x) - from_mean, exact(y) - to_mean
    identity = torch.eye(a.shape[1], dtype=a.dtype, device=a.device)
    # Outside of what the items span the solution is the identity, so few items are a small problem.
    spanned = torch.linalg.qr(torch.cat([a, b]).T).Q if 2 * len(a) < a.shape[1] else identity
    cross = (a @ spanned).T @ (b @ spanned)
    size = torch.linalg.matrix_norm(cross, 2)
    pull = size * _TOWARDS_IDENTITY if float(size) else torch.ones_like(size)
    within = torch.eye(len(cross), dtype=cross.dtype, device=cross.device)
    left, _, right = torch.linalg.svd(cross + pull * within)
    turned = spanned @ (left @ right - within) @ spanned.T
    return OrthogonalMap(identity + turned, from_mean, to_mean)


def mapped_piecewise(
    x: Float[Tensor, "item stream d_model"],
    y: Float[Tensor, "item stream d_model"],
    pieces: Sequence[tuple[np.ndarray, np.ndarray]],
) -> Float[Tensor, "item stream d_model"]:
    """`x` in the basis of `y`: for each piece (items to fit on, items to map) and stream a map of its own.

    NaN for items that no piece maps.
    """
    mapped = torch.full_like(x, torch.nan)
    for fit, into in pieces:
        for stream in range(x.shape[1]):
            mapped[into, stream] = fit_orthogonal(x[fit, stream], y[fit, stream])(x[into, stream])
    return mapped
