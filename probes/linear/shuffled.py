"""What would the best stream reach if the labels meant nothing? Shuffled labels, refitted with every choice repeated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.linear.folds import assign_folds, splits_of
from strata.probes.linear.heldout import CPU_BUDGET, DEVICE_BUDGET, HeldOut, Precision, Split, score_held_out
from strata.probes.linear.probe import choose_penalties, inner_splits, per_item

_HISTORIES = 40
"""Numbers that a fit keeps per label and training item while it is solved."""
_STRATUM = 8
"""Clusters of like size that labels are dealt among, at least, where every cluster has one label."""
_DEALS = 200
"""Deals of a shuffle, of which the one that keeps the labels' items best is taken."""


def shuffled_labels(
    labels: Int[np.ndarray, " item"], clusters: Int[np.ndarray, " item"], seed: int
) -> Int[np.ndarray, " item"]:
    """The labels dealt anew in a way that keeps together what belongs together.

    Where every cluster has one label, labels are dealt among clusters of like size, and of up to 200 deals the first one that
    leaves every label as many items as it had is taken, or the closest: a labelling that is more even than the true one is
    harder to fit well by chance, or easier. Else clusters of one size swap the labels of their items, and items of one cluster
    do among themselves.

    Measured where labels go with sizes (10 clusters of 1–3 items against 6 of 3–6, streams that know neither, 19 shuffles): p is
    at most .05, .1, .25 and .5 in .033, .062, .212 and .5 of 400 draws (with the first deal ≤ .05 in .142); with 24 clusters of two
    items in .045, .09, .217 and .48.
    """
    rng = np.random.default_rng(seed)
    shuffled = labels.copy()
    members = [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)]
    sizes = np.array([len(items) for items in members])
    if all((labels[items] == labels[items[0]]).all() for items in members):
        of_cluster = labels[[items[0] for items in members]]
        dealt = _deal_that_keeps_items(of_cluster, sizes, rng)
        for items, label in zip(members, dealt, strict=True):
            shuffled[items] = label
        return shuffled
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        for cluster, other in zip(alike, rng.permutation(alike), strict=True):
            shuffled[members[cluster]] = rng.permutation(labels[members[other]])
    return shuffled


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


def _deal_that_keeps_items(
    labels: Int[np.ndarray, " cluster"], sizes: Int[np.ndarray, " cluster"], rng: np.random.Generator
) -> Int[np.ndarray, " cluster"]:
    """Labels dealt within strata of like size; of many deals the one whose labels have about as many items as they had."""
    strata, wanted = _strata(sizes), np.bincount(labels, weights=sizes)
    closest, least = labels, np.inf
    for _ in range(_DEALS):
        dealt = labels.copy()
        for stratum in strata:
            dealt[stratum] = rng.permutation(labels[stratum])
        off = np.abs(np.bincount(dealt, weights=sizes, minlength=len(wanted)) - wanted).max()
        if off < least:
            closest, least = dealt, off
        if off == 0:
            break
    return closest


def _strata(sizes: Int[np.ndarray, " cluster"]) -> list[Int[np.ndarray, " cluster"]]:
    """Clusters in groups of like size: those of one size together, and more sizes until a group is large enough."""
    order = np.argsort(sizes, kind="stable")
    ends = [*(np.flatnonzero(np.diff(sizes[order])) + 1), len(order)]
    groups, start = [], 0
    for end in ends:
        if end - start >= _STRATUM:
            groups.append(order[start:end])
            start = end
    if start < len(order):
        last = groups.pop() if groups else order[:0]
        groups.append(np.concatenate([last, order[start:]]))
    return groups


def _parts(x: Tensor, inner: Sequence[Split], fits_per_split: int) -> int:
    """Into how many parts the labellings are taken, so that one stream of one part fits in the budget."""
    longest = max(len(train) for train, _ in inner)
    budget = CPU_BUDGET if x.device.type == "cpu" else DEVICE_BUDGET
    return max(1, -(-4 * len(inner) * _HISTORIES * fits_per_split * longest // budget))
