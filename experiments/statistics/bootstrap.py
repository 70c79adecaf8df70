"""The mean of a curve over items with an interval that respects clusters: entities, operand pairs, relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

Array = np.ndarray

MIN_CLUSTERS = 8
"""With fewer clusters the points are reported and no interval."""
LEVEL = 0.95
_MOST_CELLS = 20_000_000


@dataclass(frozen=True)
class Estimate:
    value: float
    """Mean over items."""
    low: float | None
    """Lower end of the 95 % interval; None below 8 clusters."""
    high: float | None
    """Upper end."""
    n_items: int
    """Items averaged."""
    n_clusters: int
    """Clusters resampled."""
    method: str
    """How the interval was made."""


def cluster_bootstrap(
    values: Float[Array, "item layer"], clusters: Sequence[object], *, draws: int = 10_000, seed: int = 0
) -> list[Estimate]:
    """One estimate a layer: the mean over items, with the percentile interval of `draws` resamples of whole clusters.

    A draw takes as many clusters as there are, with replacement, and recomputes the ratio of the sums over their items.
    All layers share the draws. Raises ValueError for undefined values.
    """
    values = np.asarray(values, dtype=np.float64)
    codes, n_clusters = _codes(clusters, len(values))
    value = values.mean(0)
    n_items = len(values)
    if n_clusters < MIN_CLUSTERS:
        method = f"no interval: {n_clusters} clusters, {MIN_CLUSTERS} are needed"
        return [Estimate(float(v), None, None, n_items, n_clusters, method) for v in value]
    low, high = _interval(cluster_means(values, codes, draws=draws, seed=seed))
    method = f"cluster bootstrap, {draws:,} draws, percentile 95 %"
    return [
        Estimate(float(v), float(a), float(b), n_items, n_clusters, method)
        for v, a, b in zip(value, low, high, strict=True)
    ]


def cluster_means(
    values: Float[Array, "item layer"], codes: Int[Array, " item"], *, draws: int, seed: int
) -> Float[Array, "draw layer"]:
    """The mean over items in every resample of whole clusters. `codes` number the clusters from 0."""
    if not np.isfinite(values).all():
        raise ValueError("a mean over undefined values has no interval")
    n_clusters = int(codes.max()) + 1
    sums = np.zeros((n_clusters, values.shape[1]))
    np.add.at(sums, codes, values)
    sizes = np.bincount(codes, minlength=n_clusters).astype(np.float64)
    means = np.empty((draws, values.shape[1]))
    # A block of draws at a time: the counts of many clusters would not fit otherwise.
    step = max(1, min(draws, _MOST_CELLS // n_clusters))
    for number, start in enumerate(range(0, draws, step)):
        count = min(step, draws - start)
        times = _counts(n_clusters, count, seed, number)
        means[start : start + count] = (times @ sums) / (times @ sizes)[:, None]
    return means


def _interval(means: Float[Array, "draw layer"]) -> tuple[Array, Array]:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def _codes(clusters: Sequence[object], n_items: int) -> tuple[Int[Array, " item"], int]:
    if len(clusters) != n_items or n_items == 0:
        raise ValueError(f"{len(clusters)} clusters for {n_items} items")
    numbers: dict[object, int] = {}
    codes = np.array([numbers.setdefault(cluster, len(numbers)) for cluster in clusters])
    return codes, len(numbers)


@lru_cache(maxsize=8)
def _counts(n_clusters: int, draws: int, seed: int, block: int) -> Float[Array, "draw cluster"]:
    """How often each cluster is in each draw; the same for all curves over as many clusters, and so kept."""
    rng = np.random.default_rng([seed, block])
    return rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=draws).astype(np.float64)
