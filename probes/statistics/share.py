"""A share of right answers with an interval that holds at 0 and 1 and with few clusters, where a bootstrap has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float

from strata.probes.statistics.bootstrap import DRAWS, Estimate, cluster_bootstrap


def cluster_share(right: Sequence[float], clusters: Sequence[object]) -> Estimate:
    """Share of `right` (yes or no, or shares of draws) with the 95 % Wilson score interval, the number of clusters standing in for n.

    Items of one cluster count once, as if they always agreed: the interval is never too narrow. Raises ValueError for
    no items.
    """
    n_clusters = len(set(clusters))
    share = sum(right) / len(right) if len(right) else 0.0
    low, high = wilson(share, n_clusters)
    method = "Wilson score interval, clusters as n"
    return Estimate(share, low, high, len(right), n_clusters, method)


def share_by_layer(
    right: Bool[np.ndarray, "item layer"], clusters: Sequence[object], *, draws: int = DRAWS, seed: int = 0
) -> list[Estimate]:
    """Share of right items at each layer with its 95 % cluster-bootstrap interval.

    Where all items are right, or none, resampling them has no width: there it is the score interval of `cluster_share`.
    """
    estimates = cluster_bootstrap(right.astype(float), clusters, draws=draws, seed=seed)
    return [
        cluster_share(right[:, layer].tolist(), clusters)
        if estimate.low is not None and estimate.value in (0.0, 1.0)
        else estimate
        for layer, estimate in enumerate(estimates)
    ]


def wilson(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion: `share` of `n` independent draws. Raises ValueError for n < 1.

    `scipy.stats` has it for whole counts only, and items of a cluster may agree in part.
    """
    if n < 1:
        raise ValueError("an interval needs at least one draw")
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n * n))
    # Rounding alone would move the ends of 0 and 1.
    return (0.0 if share == 0 else max(0.0, centre - half)), (1.0 if share == 1 else min(1.0, centre + half))


def same_everywhere(change: float, n: int) -> tuple[float, float]:
    """95 % interval of a mean change of shares (−1 to 1) where all of `n` clusters changed by the same.

    A bootstrap has no width there. That all are alike bounds the share p of clusters that aren't: (1 − p)ⁿ ≥ .025; those
    may have changed by anything. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError("an interval needs at least one cluster")
    others = 1 - 0.025 ** (1 / n)
    return change * (1 - others) - others, change * (1 - others) + others


def change_of_shares(
    change: Float[np.ndarray, " item"], clusters: Sequence[object], *, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """Mean change (−1 to 1) of shares, item by item, with its 95 % cluster-bootstrap interval.

    Where all items changed by the same, resampling them has no width: there it is `same_everywhere`.
    """
    found = cluster_bootstrap(change, clusters, draws=draws, seed=seed)[0]
    if found.low is None or not (change == change[0]).all():
        return found
    low, high = same_everywhere(float(change[0]), found.n_clusters)
    method = "all alike: exact bound on those that aren't"
    return Estimate(found.value, low, high, found.n_items, found.n_clusters, method)
