"""What would the best stream reach if the labels meant nothing? Shuffled labels, refitted with every choice repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.linear.folds import splits_of
from strata.probes.linear.heldout import CPU_BUDGET, DEVICE_BUDGET, HeldOut, Precision, Split, score_held_out
from strata.probes.linear.probe import ProbeResult, choose_penalties, inner_splits, per_item

_HISTORIES = 40
"""Numbers that a fit keeps per label and training item while it is solved."""


def shuffled_labels(
    labels: Int[np.ndarray, " item"], clusters: Int[np.ndarray, " item"], folds: Int[np.ndarray, " item"], seed: int
) -> Int[np.ndarray, " item"]:
    """The labels dealt anew within every fold: no label changes its fold, so the folds stay as balanced as they were.

    Where every cluster has one label, labels are dealt to clusters; else clusters of one size swap the labels of their
    items, and items of one cluster do among themselves. Either way items that belong together keep doing so.
    """
    rng = np.random.default_rng(seed)
    shuffled = labels.copy()
    first = np.full(int(clusters.max()) + 1, -1)
    first[clusters[::-1]] = labels[::-1]
    one_label_each = bool((labels == first[clusters]).all())
    for fold in np.unique(folds):
        members = [np.flatnonzero((clusters == c) & (folds == fold)) for c in np.unique(clusters[folds == fold])]
        if one_label_each:
            dealt = rng.permutation([labels[items[0]] for items in members])
            for items, label in zip(members, dealt, strict=True):
                shuffled[items] = label
            continue
        for size in sorted({len(items) for items in members}):
            alike = [items for items in members if len(items) == size]
            for items, other in zip(alike, rng.permutation(len(alike)), strict=True):
                shuffled[items] = rng.permutation(labels[alike[other]])
    return shuffled


def shuffled_correct(
    x: Float[Tensor, "item stream d_model"],
    result: ProbeResult,
    clusters: Int[np.ndarray, " item"],
    penalties: Sequence[float],
    seeds: Sequence[int],
    *,
    n_inner_folds: int = 3,
    precision: Precision | None = None,
) -> Bool[np.ndarray, "shuffle item stream"]:
    """Whether each held-out item's shuffled label was named, one shuffle a seed, by probes of the folds of `result`.

    `x` and `clusters` are those of the items that `result` kept. Penalties are chosen anew by the same inner folds, so
    the maximum over streams of a shuffle's accuracy is a draw of what the best stream reaches by chance.
    """
    n_folds = len(result.n_test)
    splits = splits_of(result.folds)
    inner, owner = inner_splits(result.truth, clusters, clusters, splits, n_inner_folds, result.seed)
    shuffles = np.stack([shuffled_labels(result.truth, clusters, result.folds, seed) for seed in seeds])
    n_labels = len(result.labels)
    parts = []
    for targets in np.array_split(shuffles, min(len(shuffles), _batches(x, inner, len(shuffles) * n_labels))):
        y = torch.from_numpy(targets).to(x.device)

        def solve(on: Sequence[Split], y: Tensor = y) -> HeldOut:
            return score_held_out(x, y, n_labels, on, penalties, precision=precision)

        choice = choose_penalties(solve(inner), owner, n_folds)
        predicted, _ = per_item(solve(splits), choice, splits, len(result.truth))
        parts.append(predicted == targets[:, :, None])
    return np.concatenate(parts)


def best_by_chance(
    accuracy: Float[np.ndarray, " stream"], shuffled: Float[np.ndarray, "shuffle stream"]
) -> tuple[float, Float[np.ndarray, " shuffle"]]:
    """p of there being no stream that holds the labels, and what the best stream reached in each shuffle.

    `(1 + #{max_s shuffled ≥ max_s accuracy}) / (shuffles + 1)`: the choice of the stream is repeated in every shuffle.
    """
    maxima = shuffled.max(1)
    # Accuracies are counts over n: what differs by rounding is equal.
    reached = int((maxima >= accuracy.max() - 1e-9).sum())
    return (1 + reached) / (len(maxima) + 1), maxima


def _batches(x: Tensor, inner: Sequence[Split], fits_per_split: int) -> int:
    """Into how many parts the shuffles are taken, so that one stream of one part fits in the budget."""
    longest = max(len(train) for train, _ in inner)
    budget = CPU_BUDGET if x.device.type == "cpu" else DEVICE_BUDGET
    return max(1, -(-4 * len(inner) * _HISTORIES * fits_per_split * longest // budget))
