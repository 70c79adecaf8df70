"""How far could a statistic of all items together (no mean over them) have fallen otherwise? Jackknife and cluster bootstrap.

A statistic that compares every item with every other can't be taken of items drawn twice: a twin is a perfect match of its
own. So clusters are excluded one at a time, and what each of them pulls is resampled in place of the items.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from strata.probes.statistics.bootstrap import DRAWS, MIN_CLUSTERS, Estimate, cluster_bootstrap
from strata.probes.statistics.onset import Onset, onset


def jackknife_bootstrap(
    whole: Float[np.ndarray, " layer"],
    without: Float[np.ndarray, "cluster layer"],
    *,
    n_clusters: int,
    n_items: int,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[Estimate]:
    """The statistic of all items at each layer with its interval; `without` is the same less one cluster in each row.

    The pull of a cluster is `(G − 1) (mean(without) − without[g])`, its empirical influence; the interval holds the
    statistic plus the mean pull of G clusters drawn with replacement (percentile). Points only for fewer than eight
    clusters, when `without` may be empty, and where a number is not finite.
    """
    if n_clusters < MIN_CLUSTERS:
        method = f"points only: fewer than {MIN_CLUSTERS} clusters"
        return [Estimate(float(value), None, None, n_items, n_clusters, method) for value in whole]
    pulled = _pulled(whole, without, n_clusters)
    estimates = cluster_bootstrap(pulled, range(n_clusters), draws=draws, seed=seed, level=level)
    method = f"delete-one-cluster jackknife; cluster bootstrap of the pulls, percentile, {draws} draws, {level:.0%}"
    results = []
    for value, estimate in zip(whole, estimates, strict=True):
        there = estimate.n_items == n_clusters
        results.append(
            replace(
                estimate,
                value=float(value),
                low=estimate.low if there else None,
                high=estimate.high if there else None,
                n_items=n_items,
                n_clusters=n_clusters,
                method=method,
            )
        )
    return results


def jackknife_onset(
    whole: Float[np.ndarray, " layer"],
    without: Float[np.ndarray, "cluster layer"],
    *,
    n_clusters: int,
    draws: int = DRAWS,
    seed: int = 0,
) -> Onset | None:
    """From which layer on the statistic stands above 0, by the rule of `onset`, each cluster by its pull. None: fewer than eight clusters."""
    if n_clusters < MIN_CLUSTERS:
        return None
    return onset(_pulled(whole, without, n_clusters), [], range(n_clusters), draws=draws, seed=seed)


def _pulled(
    whole: Float[np.ndarray, " layer"], without: Float[np.ndarray, "cluster layer"], n_clusters: int
) -> Float[np.ndarray, "cluster layer"]:
    """The statistic plus the pull of each cluster."""
    return np.asarray(whole + (n_clusters - 1) * (without.mean(0) - without))
