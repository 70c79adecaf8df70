"""How far could a mean over problems have fallen otherwise, had other families and other problems of them been asked?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.statistics.family_samples import FAMILIES_AS_UNITS
from strata.experiments.statistics.few_cluster_correction import stretch
from strata.probes.statistics.bootstrap import MIN_CLUSTERS, Estimate, cluster_codes, per_cluster

_BLOCK = 1_000


def family_and_cluster_bootstrap(
    values: Float[np.ndarray, "item column"],
    clusters: Sequence[str],
    families: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> list[Estimate]:
    """Mean over items of each column with a 95 % percentile interval: families resampled, and the clusters within each of them.

    `values` have no gaps. A cluster lies in one family. With fewer than three families only clusters are resampled, and what is said
    is of these families; of few families the interval is stretched (`stretch`). With fewer than eight clusters there is none.
    """
    return family_and_cluster_bootstrap_ratio(values, np.ones_like(values), clusters, families, draws=draws, seed=seed)


def family_and_cluster_bootstrap_ratio(
    numerator: Float[np.ndarray, "item column"],
    denominator: Float[np.ndarray, "item column"],
    clusters: Sequence[str],
    families: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> list[Estimate]:
    """`Σ numerator / Σ denominator` of each column, with the interval of `family_and_cluster_bootstrap`.

    A draw whose denominators sum to 0 is in no percentile.
    """
    code = cluster_codes(clusters)
    n_columns = numerator.shape[1]
    sums = per_cluster(np.concatenate([numerator, denominator], axis=1), code)
    family_of = np.empty(len(sums), dtype=np.int64)
    family_of[code] = cluster_codes(families)
    n_families, n_clusters = int(family_of.max()) + 1, len(sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = sums[:, :n_columns].sum(0) / sums[:, n_columns:].sum(0)
        bounds: np.ndarray | None = None
        if n_clusters >= MIN_CLUSTERS:
            drawn = np.concatenate([weights @ sums for weights in _weights(family_of, draws, seed)])
            ratios = drawn[:, :n_columns] / drawn[:, n_columns:]
            wider = stretch(n_families) if n_families >= FAMILIES_AS_UNITS else 1.0
            moved = np.where(np.isfinite(ratios), value + wider * (ratios - value), np.nan)
            # A column without any draw has no interval; the quantile of a row of zeros keeps it from warning.
            drawn_at_all = np.isfinite(moved).any(axis=0)
            bounds = np.nanquantile(np.where(drawn_at_all, moved, 0.0), (0.025, 0.975), axis=0)
            bounds = np.where(drawn_at_all, bounds, np.nan)
    method = (
        f"points only: fewer than {MIN_CLUSTERS} clusters" if bounds is None
        else f"bootstrap of {n_families} families and their clusters, percentile, {draws} draws, 95%" if n_families >= FAMILIES_AS_UNITS
        else f"cluster bootstrap within these {n_families} families, percentile, {draws} draws, 95%"
    )  # fmt: skip
    return [
        Estimate(
            float(value[column]), _end(bounds, 0, column), _end(bounds, 1, column), len(numerator), n_clusters, method,
        )
        for column in range(n_columns)
    ]  # fmt: skip


def _end(bounds: np.ndarray | None, end: int, column: int) -> float | None:
    return None if bounds is None or not np.isfinite(bounds[end, column]) else float(bounds[end, column])


def _weights(family_of: np.ndarray, draws: int, seed: int) -> Iterator[Float[np.ndarray, "draw cluster"]]:
    """How often each cluster was drawn. A family drawn k times brings k independent draws of as many clusters as it has."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(family_of == family) for family in range(int(family_of.max()) + 1)]
    n_families = len(members)
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        times = np.ones((size, n_families), dtype=np.int64)
        if n_families >= FAMILIES_AS_UNITS:
            times = rng.multinomial(n_families, np.full(n_families, 1 / n_families), size=size)
        weights = np.zeros((size, len(family_of)))
        for family, rows in enumerate(members):
            weights[:, rows] = rng.multinomial(times[:, family] * len(rows), np.full(len(rows), 1 / len(rows)))
        yield weights
