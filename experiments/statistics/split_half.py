"""How well does a profile agree with itself, and with another one? The first is the ceiling of the second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from strata.experiments.statistics.max_t import random_labels
from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import Estimate

SPLITS = 1_000


@dataclass(frozen=True)
class Likeness:
    """Spearman correlations over blocks between mean profiles of disjoint halves of the clusters, averaged over splits."""

    between: float
    """One profile on one half, the other on the other; NaN where a profile has no variation."""
    ceiling: float
    """Each profile with itself in the same way, the mean of both: what `between` reaches where nothing differs."""
    n_clusters: int


def split_half_between(
    a: Float[np.ndarray, "cluster block"], b: Float[np.ndarray, "cluster block"], *, splits: int = SPLITS, seed: int = 0
) -> Likeness:
    """How alike two profiles of the same clusters are, held against how alike each is to itself.

    All correlations are between halves of one size, so noise lowers them alike: `between` below `ceiling` is a difference,
    and not for want of clusters. A profile and itself give the same number twice. Blocks at which
    no cluster has both are excluded, then clusters with a NaN in either. Raises StrataError for fewer than four clusters and for profiles of unlike shape.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape != b.shape:
        raise StrataError(
            f"Profiles of shape {a.shape} and {b.shape} are compared", "Give the same clusters and blocks"
        )
    blocks = (np.isfinite(a) & np.isfinite(b)).any(axis=0)
    a, b = a[:, blocks], b[:, blocks]
    kept = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    a, b = a[kept], b[kept]
    n = len(a)
    if n < 4:
        raise StrataError(f"{n} clusters carry both profiles", "Halves of two clusters each need four")
    correlations: dict[str, list[np.ndarray]] = {"ab": [], "ba": [], "aa": [], "bb": []}
    for first in random_labels(n // 2, n - n // 2, splits, seed):
        means = {name: _halves(profile, first) for name, profile in (("a", a), ("b", b))}
        for names, made in correlations.items():
            made.append(rank_correlation(means[names[0]][0], means[names[1]][1]))
    r = {names: _mean(np.concatenate(made)) for names, made in correlations.items()}
    return Likeness((r["ab"] + r["ba"]) / 2, (r["aa"] + r["bb"]) / 2, n)


def split_half(profiles: Float[np.ndarray, "cluster block"], *, splits: int = SPLITS, seed: int = 0) -> Estimate:
    """Spearman correlation over blocks between the mean profiles of two random halves of the clusters, for a whole.

    Averaged over many splits, then stepped up to the length of the whole by Spearman–Brown, `2r/(1 + r)`; an r of 0 or below
    is left as it is. Splits of the same clusters aren't independent, so their spread is no interval and none is given.
    With an odd number of clusters one half has one more. NaN rows are excluded.
    """
    profiles = np.asarray(profiles, dtype=float)
    profiles = profiles[np.isfinite(profiles).all(axis=1)]
    n = len(profiles)
    if n < 2:
        raise StrataError(f"{n} clusters carry a profile", "Halves need two clusters or more")
    labels = random_labels(n // 2, n - n // 2, splits, seed)
    r = _mean(np.concatenate([rank_correlation(*_halves(profiles, first)) for first in labels]))
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


def _halves(
    profiles: Float[np.ndarray, "cluster block"], first: Bool[np.ndarray, "draw cluster"]
) -> tuple[Float[np.ndarray, "draw block"], Float[np.ndarray, "draw block"]]:
    """Mean profiles of the clusters labelled `first` and of the others."""
    sums, size = first.astype(float) @ profiles, int(first[0].sum())
    return sums / size, (profiles.sum(0) - sums) / (len(profiles) - size)


def _mean(correlations: Float[np.ndarray, " draw"]) -> float:
    return float(np.nanmean(correlations)) if np.isfinite(correlations).any() else float("nan")


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """How many are smaller minus how many are larger: twice the rank, from its middle."""
    return np.sign(values[..., :, None] - values[..., None, :]).sum(-1)
