"""Does a probe that was fitted on one model read the other one?

Fitted on some clusters in one model, scored on others in the other model: as they are, and after a rotation of the stream
that was fitted on yet others. Where the direct probe fails and the aligned one does not, the information is still there
and only its directions moved. A rotation fitted on the probe's own items would be no test: it takes the labels of the
other model to wherever they happen to lie in these items, and there the probe has learnt to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear import PENALTIES, Precision, ProbeResult, probe_streams, score_held_out
from strata.probes.model_diff.procrustes import mapped_piecewise


@dataclass(frozen=True)
class OneWay:
    """Probes of one model on the items that were held out from them; whole clusters are held out."""

    within: Bool[np.ndarray, "item stream"]
    """Right on the model they were fitted on."""
    direct: Bool[np.ndarray, "item stream"]
    """Right on the other model's stream as it is."""
    aligned: Bool[np.ndarray, "item stream"]
    """Right on the other model's stream after an orthogonal map fitted on items that are neither tested nor learnt from."""


@dataclass(frozen=True)
class Transfer:
    kept: Int[np.ndarray, " item"]
    """Indices into the items given, of those probed; every per-item field runs over these."""
    folds: Int[np.ndarray, " item"]
    """Fold in which an item was tested, in both models."""
    majority_correct: Bool[np.ndarray, " item"]
    """Whether the training items' most frequent label was right: what a probe has to beat."""
    forth: OneWay
    """Fitted on the first model, scored on the second."""
    back: OneWay
    """Fitted on the second model, scored on the first."""


def probe_transfer(  # ten parameters: those of `probe_streams` that both models share, and a second model
    x: Float[Tensor, "item stream d_model"],
    y: Float[Tensor, "item stream d_model"],
    labels: Sequence[object],
    clusters: Sequence[object],
    *,
    seed: int = 0,
    n_folds: int = 5,
    map_folds: int = 1,
    penalties: Sequence[float] = PENALTIES,
    chunk: int | None = None,
    precision: Precision | None = None,
) -> Transfer:
    """Probes of `labels` fitted on every stream of each model and scored on the same stream of the other, both ways.

    `x`, `y`: the same items and token in two models of one width. Of the `n_folds` folds, disjoint by cluster, each is
    tested once; the `map_folds` behind it fit the rotation and all others the probes, so every probe of a fold is the
    same one. Penalties are those `probe_streams` chooses for that fold within the fitted model.
    Raises StrataError as that does, for unlike shapes and where no fold is left to learn from.
    """
    if not 1 <= map_folds <= n_folds - 2:
        raise StrataError(
            f"{n_folds} folds can't spare {map_folds} for the map beside one to test and one to learn from",
            "Ask for more folds",
        )
    if x.shape != y.shape:
        raise StrataError(
            f"Activations of shape {tuple(x.shape)} and {tuple(y.shape)} can't share a probe",
            "Give the same items and streams of two models of one width",
        )
    options = {"seed": seed, "n_folds": n_folds, "penalties": penalties, "chunk": chunk, "precision": precision}
    alone = [probe_streams(of, labels, clusters, [0] * len(labels), **options) for of in (x, y)]  # type: ignore[arg-type]
    kept = torch.from_numpy(alone[0].kept)
    x_kept, y_kept = x[kept].float(), y[kept].float()

    def way(fitted: Tensor, other: Tensor, result: ProbeResult) -> OneWay:
        return _one_way(fitted, other, result, map_folds, penalties, chunk, precision)

    return Transfer(
        alone[0].kept,
        alone[0].folds,
        alone[0].majority_correct,
        way(x_kept, y_kept, alone[0]),
        way(y_kept, x_kept, alone[1]),
    )


def _one_way(
    fitted: Tensor,
    other: Tensor,
    result: ProbeResult,
    map_folds: int,
    penalties: Sequence[float],
    chunk: int | None,
    precision: Precision | None,
) -> OneWay:
    n_items, n_streams = fitted.shape[:2]
    n_folds = int(result.folds.max()) + 1
    behind = [(result.folds - fold) % n_folds for fold in range(n_folds)]
    tested = [np.flatnonzero(distance == 0) for distance in behind]
    mapping = [np.flatnonzero((distance > 0) & (distance <= map_folds)) for distance in behind]
    learnt = [np.flatnonzero(distance > map_folds) for distance in behind]
    aligned = mapped_piecewise(other, fitted, list(zip(mapping, tested, strict=True)))
    # Three times the same items, so that one solve scores the fitted model, the other and the aligned other.
    stacked = torch.cat([fitted, other, aligned])
    splits = [
        (train, np.concatenate([test + offset * n_items for offset in range(3)]))
        for train, test in zip(learnt, tested, strict=True)
    ]
    truth = torch.from_numpy(result.truth)
    scored = score_held_out(
        stacked, repeat(truth, "item -> 1 (three item)", three=3), len(result.labels), splits, penalties,
        chunk=chunk, precision=precision,
    )  # fmt: skip
    assert result.penalty is not None
    chosen = {value: index for index, value in enumerate(penalties)}
    predicted = scored.predicted.cpu().numpy()
    correct = np.empty((3 * n_items, n_streams), dtype=bool)
    for fold, (_, test) in enumerate(splits):
        best = [chosen[float(value)] for value in result.penalty[:, fold]]
        guesses = predicted[best, np.arange(n_streams), fold, 0, : len(test)].T
        correct[test] = guesses == result.truth[test % n_items][:, None]
    return OneWay(*np.split(correct, 3))
