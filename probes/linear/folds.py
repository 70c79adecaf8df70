"""Which items may a probe see, and on which is it scored? Folds that keep a group (entity or template) in one piece."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Int

from strata.probes.errors import StrataError

Scheme = Literal["cluster", "template", "random"]


def assign_folds(
    labels: Int[np.ndarray, " item"], groups: Int[np.ndarray, " item"], n_folds: int, seed: int
) -> Int[np.ndarray, " item"]:
    """Fold of every item: no group in two folds, labels spread as evenly as the groups allow.

    Groups are placed from the largest down, ties in seeded order, each into the fold that leaves the shares of the
    labels most even (then into the smallest). Deterministic by seed. Not scikit-learn's StratifiedGroupKFold: that is an extra
    here and gives other folds, so every published accuracy would move. Raises StrataError with fewer groups than folds.
    """
    _, group = np.unique(groups, return_inverse=True)
    _, label = np.unique(labels, return_inverse=True)
    n_groups, n_labels = int(group.max()) + 1, int(label.max()) + 1
    if n_groups < n_folds:
        raise StrataError(
            f"{n_folds} folds need at least {n_folds} groups, and these items have {n_groups}",
            "Ask for fewer folds or add items",
        )
    counts = np.zeros((n_groups, n_labels))
    np.add.at(counts, (group, label), 1)
    share = counts / counts.sum(0)
    order = np.random.default_rng(seed).permutation(n_groups)
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    filled = np.zeros((n_folds, n_labels))
    size = np.zeros(n_folds)
    used = np.zeros(n_folds, dtype=bool)
    fold_of_group = np.zeros(n_groups, dtype=np.int64)
    for place, g in enumerate(order):
        # Adding `share` to fold f changes the sum of squares by 2·filled[f]·share + const: the least even growth wins.
        cost = filled @ share[g]
        # The last groups go where a fold is still empty, so that every fold is tested.
        if n_groups - place <= int((~used).sum()):
            cost = np.where(used, np.inf, cost)
        fold = int(np.lexsort((size, np.round(cost, 12)))[0])
        filled[fold] += share[g]
        size[fold] += counts[g].sum()
        used[fold] = True
        fold_of_group[g] = fold
    return fold_of_group[group]


def splits_of(folds: Int[np.ndarray, " item"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, test) item indices of each fold, in fold order."""
    return [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in range(int(folds.max()) + 1)]


def groups_of(
    scheme: Scheme, clusters: Int[np.ndarray, " item"], templates: Int[np.ndarray, " item"]
) -> Int[np.ndarray, " item"]:
    """What must stay in one piece: entities, templates, or nothing (`random`, kept only to display leakage)."""
    match scheme:
        case "cluster":
            return clusters
        case "template":
            return templates
        case "random":
            return np.arange(len(clusters))
    raise StrataError(f"Unknown fold scheme {scheme!r}", "Use cluster, template or random")
