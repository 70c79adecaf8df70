"""Several tests, one error rate: Holm's step-down correction (Holm 1979)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """p of each test such that the chance of any false one stays below the level; order as given. `scipy.stats` has no Holm."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected.tolist()


def holm_over_groups(groups: Sequence[Sequence[float]]) -> list[list[float]]:
    """The same for groups of tests whose p are corrected within the group already (by max-T): over the groups, order as given."""
    smallest = [min(group, default=1.0) for group in groups]
    order = np.argsort(smallest, kind="stable")
    corrected: list[list[float]] = [[] for _ in groups]
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(groups) - rank) * smallest[index]))
        corrected[index] = [max(largest, min(1.0, (len(groups) - rank) * p)) for p in groups[index]]
    return corrected
