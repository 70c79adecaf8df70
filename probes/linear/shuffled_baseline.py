"""What would the best stream reach if the labels meant nothing? Shuffled labels, refitted with every choice repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.linear.folds import assign_folds, splits_of
from strata.probes.linear.held_out import CPU_BUDGET, DEVICE_BUDGET, HeldOut, Precision, Split, score_held_out
from strata.probes.linear.probe_streams import choose_penalties, inner_splits, per_item

_HISTORIES = 40
"""Numbers that a fit keeps per label and training item while it is solved."""


def accuracy_of(
    x: Float[Tensor, "item stream d_model"],
    targets: Int[np.ndarray, "target item"],
    clusters: Int[np.ndarray, " item"],
    penalties: Sequence[float],
    *,
    n_folds: int,
    seed: int,
    n_inner_folds: int = 3,
    precision: Precision | None = None,
) -> Float[np.ndarray, "target stream"]:
    """Held-out accuracy of several labellings of the same items, on folds that know the clusters and no labels.

    Folds that spread the true labels evenly would favour them over any shuffle of them: a label that a fold has more of is
    rarer in its training items. Penalties are chosen for every labelling, stream and fold by inner folds of the same kind.
    """
    nothing = np.zeros(len(clusters), dtype=np.int64)
    splits = splits_of(assign_folds(nothing, clusters, n_folds, seed))
    inner, owner = inner_splits(nothing, clusters, clusters, splits, n_inner_folds, seed)
    n_labels = int(targets.max()) + 1
    accuracies = []
    for part in np.array_split(targets, min(len(targets), _parts(x, inner, len(targets) * n_labels))):
        y = torch.from_numpy(part).to(x.device)

        def solve(on: Sequence[Split], y: Tensor = y) -> HeldOut:
            return score_held_out(x, y, n_labels, on, penalties, precision=precision)

        choice = choose_penalties(solve(inner), owner, n_folds)
        predicted, _ = per_item(solve(splits), choice, splits, len(clusters))
        accuracies.append((predicted == part[:, :, None]).mean(1))
    return np.concatenate(accuracies)


def best_by_chance(
    accuracy: Float[np.ndarray, " stream"],
    majority: float,
    shuffled: Float[np.ndarray, "shuffle stream"],
    shuffled_majority: Float[np.ndarray, " shuffle"],
) -> float:
    """p of there being no stream that holds the labels.

    `(1 + #{max_s (shuffled − majority) ≥ max_s (accuracy − majority)}) / (shuffles + 1)`: the choice of the stream is repeated
    in every shuffle. A labelling's majority, the share of its most frequent label, is what it gives away by itself.
    """
    # Accuracies are counts over n: what differs by rounding is equal.
    reached = int((shuffled.max(1) - shuffled_majority >= accuracy.max() - majority - 1e-9).sum())
    return (1 + reached) / (len(shuffled) + 1)


def majority_of(labels: Int[np.ndarray, " item"]) -> float:
    """Share of the most frequent label."""
    return float(np.bincount(labels).max() / len(labels))


def _parts(x: Tensor, inner: Sequence[Split], fits_per_split: int) -> int:
    """Into how many parts the labellings are taken, so that one stream of one part fits in the budget."""
    longest = max(len(train) for train, _ in inner)
    budget = CPU_BUDGET if x.device.type == "cpu" else DEVICE_BUDGET
    return max(1, -(-4 * len(inner) * _HISTORIES * fits_per_split * longest // budget))
