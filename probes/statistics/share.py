"""A share of right answers with an interval that holds at 0 and 1 and with few clusters, where a bootstrap has none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from strata.probes.statistics.bootstrap import Estimate

_Z = 1.959963984540054


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


def wilson(share: float, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion: `share` of `n` independent draws. Raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("an interval needs at least one draw")
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def same_everywhere(change: float, n: int) -> tuple[float, float]:
    """95 % interval of a mean change of shares (−1 to 1) where all of `n` clusters changed by the same.

    A bootstrap has no width there. That all are alike bounds the share p of clusters that aren't: (1 − p)ⁿ ≥ .025; those
    may have changed by anything. Raises ValueError for n < 1.
    """
    if n < 1:
        raise ValueError("an interval needs at least one cluster")
    others = 1 - 0.025 ** (1 / n)
    return change * (1 - others) - others, change * (1 - others) + others
