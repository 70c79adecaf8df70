"""How well does a profile agree with itself? The ceiling for any comparison between profiles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from experiments.statistics.bootstrap import Estimate
from experiments.statistics.max_t import random_labels
from probes.errors import StrataError

SPLITS = 1_000


def split_half(profiles: Float[np.ndarray, "cluster block"], *, splits: int = SPLITS, seed: int = 0) -> Estimate:
    """Spearman correlation over blocks between the mean profiles of two random halves of the clusters, for a whole.

    Averaged over many splits, then stepped up to the length of the whole by Spearman–Brown, `2r/(1 + r)`; an r of 0 or below
    is left as it is. Splits of the same clusters aren't independent, so their spread is no interval and none is given.
    With an odd number of clusters one half has one more. NaN rows are left out.
    """
    profiles = np.asarray(profiles, dtype=float)
    profiles = profiles[np.isfinite(profiles).all(axis=1)]
    n = len(profiles)
    if n < 2:
        raise StrataError(f"{n} clusters carry a profile", "Halves need two clusters or more")
    total = profiles.sum(0)
    found: list[np.ndarray] = []
    for first in random_labels(n // 2, n - n // 2, splits, seed):
        sums = first.astype(float) @ profiles
        found.append(rank_correlation(sums / (n // 2), (total - sums) / (n - n // 2)))
    correlations = np.concatenate(found)
    r = float(np.nanmean(correlations)) if np.isfinite(correlations).any() else float("nan")
    value = 2 * r / (1 + r) if r > 0 else r
    return Estimate(
        value, None, None, n, n, f"Spearman of {splits} random halves of clusters, Spearman–Brown corrected"
    )


def rank_correlation(
    a: Float[np.ndarray, "*draw block"], b: Float[np.ndarray, "*draw block"]
) -> Float[np.ndarray, "*draw"]:
    """Spearman's ρ over blocks, ties at their mean rank; NaN where one side is constant."""
    a, b = _centred_ranks(a), _centred_ranks(b)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1)))


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """How many are smaller minus how many are larger: twice the rank, from its middle."""
    return np.sign(values[..., :, None] - values[..., None, :]).sum(-1)
