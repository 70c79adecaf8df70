"""Which direction does a probe read at every stream? Weights and offsets in the units of the activations themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear.held_out import Precision, Rows, standardise, streams_at_once
from strata.probes.linear.logistic import Kernel, solve_path

EXACT = Precision(tolerance=1e-11, max_iterations=4000)
"""Weights are read one by one, not only through predictions: they are solved in float64 to many more digits."""

_UNSOLVED = 1e-7
"""Estimated gap in nats beyond which weights would not be those of the minimum."""


@dataclass(frozen=True)
class Weights:
    """One fit per stream; logits of a row `x` are `x @ coefficients.T + intercepts`."""

    coefficients: Float[Tensor, "stream label d_model"]
    """Logit per unit of activation; their mean over labels is 0."""
    intercepts: Float[Tensor, "stream label"]
    """Logit of an activation of zeros."""


def fit_weights(
    x: Float[Tensor, "item stream d_model"],
    labels: Int[Tensor, " item"],
    n_labels: int,
    penalties: Float[np.ndarray, " stream"],
    *,
    precision: Precision = EXACT,
    chunk: int | None = None,
) -> Weights:
    """The ridge-penalised softmax regression of every stream at its penalty, fitted on all items.

    Fitted to standardised activations, `z = (x − m)/s`: with `W = A Z` the weights are `W/s` and the offset is
    `b − (W/s)·m`. Raises StrataError for a fit that doesn't reach its minimum.
    """
    rows = Rows.of([(np.arange(len(x)), np.arange(0))], x.device)
    chunk = chunk or max(1, streams_at_once(x, rows, n_labels) // 2)  # float64 takes twice the room
    coefficients, intercepts = [], []
    for start in range(0, x.shape[1], chunk):
        wanted = penalties[start : start + chunk]
        features = standardise(x[:, start : start + chunk], rows, torch.float64)
        mask = rows.train_mask.double().expand(len(wanted), -1)
        targets = labels.expand(len(wanted), 1, -1)
        path = sorted(set(wanted.tolist()), reverse=True)
        fits = solve_path(
            Kernel.of(features.train, mask), targets, n_labels, path,
            tolerance=precision.tolerance, max_iterations=precision.max_iterations,
        )  # fmt: skip
        at = dict(zip(path, fits, strict=True))
        for row, value in enumerate(wanted):
            if not float(at[value].gap[row, 0]) <= _UNSOLVED:
                raise StrataError(
                    f"The probe of stream {start + row} did not converge at penalty {value:g}",
                    "Give a stronger penalty",
                )
        alpha = torch.stack([at[value].coefficients[row, 0] for row, value in enumerate(wanted)])
        offset = torch.stack([at[value].intercepts[row, 0] for row, value in enumerate(wanted)])
        # Rounded before the offset is taken: at the mean of the activations the logits are then exact.
        weight = (torch.bmm(alpha, features.train) / features.scale.unsqueeze(1)).float()
        shift = torch.bmm(weight.double(), rearrange(features.centre, "stream d_model -> stream d_model 1"))
        coefficients.append(weight)
        intercepts.append(offset - shift.squeeze(2))
    return Weights(torch.cat(coefficients).cpu(), torch.cat(intercepts).float().cpu())
