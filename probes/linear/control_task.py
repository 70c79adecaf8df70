"""Would the probe learn labels that mean nothing? One random label for each type (1909.03368)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def control_labels(
    labels: Int[np.ndarray, " item"], types: Int[np.ndarray, " item"], seed: int
) -> Int[np.ndarray, " item"]:
    """One random label for each type (entity), the same in all its templates, with the marginal of the real labels.

    The types' own (majority) labels are shuffled between types: the marginal over types is exactly that of the task.
    `accuracy − control accuracy`, both on templates held out with their types shared, is the selectivity.
    """
    return _shuffled_between_groups(_majority(labels, types), types, seed)


def _majority(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    counts = np.zeros((int(groups.max()) + 1, int(labels.max()) + 1), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    return counts.argmax(1)[groups]


def _shuffled_between_groups(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(labels[first])
    return shuffled[inverse]
