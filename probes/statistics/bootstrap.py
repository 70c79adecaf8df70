"""How far could a mean over items have fallen otherwise, had other entities been asked? The cluster bootstrap."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from strata.probes.arguments.label_values import plain_values
from strata.probes.errors import StrataError

DRAWS = 10_000
FEWEST_DRAWS = 100
MIN_CLUSTERS = 8
"""With fewer clusters the points are reported and no interval."""
_BLOCK = 1_000


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty and the way it came by."""

    value: float
    """Of the items as they are; NaN when nothing was measured."""
    low: float | None
    """Lower end of the interval; null with fewer than eight clusters."""
    high: float | None
    """Upper end."""
    n_items: int
    """Items that carry a value."""
    n_clusters: int
    """Clusters they fall into."""
    method: str
    """How the interval was made."""


def cluster_bootstrap(
    values: Float[np.ndarray, "item layer"],
    clusters: Sequence[object],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[Estimate]:
    """Mean over items at each layer, clusters resampled with replacement; NaN marks an item without a value there.

    The mean is a ratio of sums (sum of values over number of items), redone in every draw, so clusters of unequal size are
    weighed as they come. Percentile interval.
    """
    values = _table(values, clusters)
    measured = np.isfinite(values)
    return cluster_bootstrap_ratio(
        np.where(measured, values, 0.0), measured.astype(float), clusters, draws=draws, seed=seed, level=level
    )


def cluster_bootstrap_ratio(
    numerator: Float[np.ndarray, "item layer"],
    denominator: Float[np.ndarray, "item layer"],
    clusters: Sequence[object],
    *,
    counted: Bool[np.ndarray, "item layer"] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> list[Estimate]:
    """`Σ numerator / Σ denominator` at each layer with a percentile interval over clusters.

    `counted` says which items the numbers of items and clusters are of; without it those whose denominator isn't 0, which
    is right where a 0 stands for an absent item. A draw whose denominators sum to 0 is excluded from the percentiles.
    """
    numerator, denominator = _table(numerator, clusters), _table(denominator, clusters)
    code = cluster_codes(clusters)
    top, bottom = per_cluster(numerator, code), per_cluster(denominator, code)
    with np.errstate(invalid="ignore", divide="ignore"):
        point = top.sum(0) / bottom.sum(0)
    present = denominator != 0 if counted is None else counted
    n_items = present.sum(0)
    n_clusters = (per_cluster(present.astype(float), code) > 0).sum(0)
    drawn = bootstrap_ratios(top, bottom, draws=draws, seed=seed) if len(top) >= MIN_CLUSTERS else None
    tail = (1 - level) / 2
    bounds = None if drawn is None else np.nanquantile(_all_nan_safe(drawn), (tail, 1 - tail), axis=0)
    estimates = []
    for layer, value in enumerate(point):
        enough = bounds is not None and n_clusters[layer] >= MIN_CLUSTERS
        estimates.append(
            Estimate(
                float(value),
                float(bounds[0, layer]) if enough and bounds is not None else None,
                float(bounds[1, layer]) if enough and bounds is not None else None,
                int(n_items[layer]),
                int(n_clusters[layer]),
                f"cluster bootstrap, percentile, {draws} draws, {level:.0%}"
                if enough
                else f"points only: fewer than {MIN_CLUSTERS} clusters",
            )
        )
    return estimates


def cluster_codes(clusters: Sequence[object]) -> Int[np.ndarray, " item"]:
    """Codes 0..G-1 in order of first appearance, the same in every process. Raises StrataError for names that can't be compared."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in plain_values(clusters, "cluster")], dtype=np.int64)


def per_cluster(
    values: Float[np.ndarray, "item layer"], code: Int[np.ndarray, " item"]
) -> Float[np.ndarray, "cluster layer"]:
    """Sums over the items of each cluster: all that a draw of clusters needs to know."""
    sums = np.zeros((int(code.max()) + 1, values.shape[1]))
    np.add.at(sums, code, values)
    return sums


def multinomial_weights(n_clusters: int, draws: int, seed: int) -> Iterator[Float[np.ndarray, "draw cluster"]]:
    """How often each cluster was drawn, in blocks of draws; the same for every layer and baseline of one seed."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        picks = rng.integers(0, n_clusters, size=(size, n_clusters))
        picks += np.arange(size)[:, None] * n_clusters
        yield np.bincount(picks.ravel(), minlength=size * n_clusters).reshape(size, n_clusters).astype(float)


def bootstrap_ratios(
    top: Float[np.ndarray, "cluster layer"], bottom: Float[np.ndarray, "cluster layer"], *, draws: int, seed: int
) -> Float[np.ndarray, "draw layer"]:
    """The ratio of sums in every draw; NaN where a draw holds no item."""
    blocks = []
    both = torch.from_numpy(np.concatenate([top, bottom], axis=1))
    for weights in multinomial_weights(len(top), draws, seed):
        sums = (torch.from_numpy(weights) @ both).numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            blocks.append(sums[:, : top.shape[1]] / sums[:, top.shape[1] :])
    return np.concatenate(blocks)


def _table(values: np.ndarray, clusters: Sequence[object]) -> Float[np.ndarray, "item layer"]:
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if len(values) != len(clusters):
        raise StrataError(f"{len(values)} values for {len(clusters)} clusters", "Give every item its cluster")
    if len(values) == 0:
        raise StrataError("No items to estimate from", "Loosen the filters")
    return values


def _all_nan_safe(drawn: np.ndarray) -> np.ndarray:
    """A layer that nothing was measured at would make numpy warn; its numbers are not used."""
    empty = ~np.isfinite(drawn).any(axis=0)
    return np.where(empty, 0.0, np.where(np.isfinite(drawn), drawn, np.nan))
