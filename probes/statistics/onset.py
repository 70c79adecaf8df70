"""From which stream on does a curve stand above its baselines, and how sure is that stream?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import (
    DRAWS,
    MIN_CLUSTERS,
    bootstrap_ratios,
    cluster_codes,
    per_cluster,
)
from strata.probes.statistics.share import wilson

RUN = 3
"""The lower bound must be above 0 at so many streams in a row."""
DEFINITION = "first stream s at which the lower bound of the cluster bootstrap of value − max(baselines) is above 0 at s, s+1 and s+2"


@dataclass(frozen=True)
class Onset:
    """Where a curve rises out of its baselines. "None" is a value."""

    stream: int | None
    """First stream by the rule; null when no stream qualifies."""
    depth: float | None
    """stream / L; null likewise."""
    low: int | None
    """Lower end of the interval; null together with `high` means that the interval is "none"."""
    high: int | None
    """Upper end; null while `low` isn't: the interval reaches "none"."""
    share_found: float | None
    """Share of bootstrap curves in which the rule finds an onset; null without an interval."""
    excess: Float[np.ndarray, " stream"]
    """value − max(baselines) of the items as they are."""
    lower_bound: Float[np.ndarray, " stream"] | None
    """Its bootstrap lower bound, which the rule reads; null with fewer than eight clusters."""
    n_items: int
    """Items with a value behind the curve."""
    n_clusters: int
    """Clusters they fall into; with fewer than eight there is no bound, so no onset is claimed."""
    smallest_seen: float | None
    """Smallest share that would have been seen (at even odds) with so many clusters, were the items of a cluster always right or
    wrong together; null without a bound, and for values that aren't shares."""
    definition: str
    """The rule as a sentence."""


def onset(
    values: Float[np.ndarray, "item stream"],
    baselines: Sequence[Float[np.ndarray, "item stream"]],
    clusters: Sequence[object],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> Onset:
    """The onset rule and the interval of its stream.

    Each baseline is (item, stream), (item, 1) (the same at every stream, as the majority rate or the embedding) or a scalar
    array. The maximum is taken over the *means* of the baselines, anew in each draw, with the same clusters drawn for the
    values and for all of them. Bounds are the (1 − level)/2 quantile.

    Interval by re-applying the rule to the bootstrap curves: a draw stands in for another set of clusters, its own lower
    bound would need a second bootstrap within it. The width of the bound below the curve is a property of the spread between
    clusters, nearly the same in every draw, so the draw's bound is taken as its curve minus the observed width
    (curve − lower bound at that stream). This costs nothing beyond the first bootstrap and reduces to the rule itself on the
    observed curve. "None" ranks after stream L: when the upper percentile is "none", `high` is null.
    """
    values = np.asarray(values, dtype=float)
    n_given, n_streams = values.shape
    if n_given != len(clusters):
        raise StrataError(f"{n_given} values for {len(clusters)} clusters", "Give every item its cluster")
    if n_given == 0:
        raise StrataError("No items to find an onset in", "Loosen the filters")
    code = cluster_codes(clusters)
    measured = np.isfinite(values).any(axis=1)
    n_items, n_clusters = int(measured.sum()), len(np.unique(code[measured]))
    curves = [values, *(np.broadcast_to(np.asarray(b, dtype=float), values.shape) for b in baselines)]
    tops = [per_cluster(np.where(np.isfinite(c), c, 0.0), code) for c in curves]
    bottoms = [per_cluster(np.isfinite(c).astype(float), code) for c in curves]
    means = [_ratio(t.sum(0), b.sum(0)) for t, b in zip(tops, bottoms, strict=True)]
    excess = means[0] - (np.max(means[1:], axis=0) if baselines else 0.0)
    if n_clusters < MIN_CLUSTERS:
        return Onset(None, None, None, None, None, excess, None, n_items, n_clusters, None, DEFINITION)

    drawn = [bootstrap_ratios(t, b, draws=draws, seed=seed) for t, b in zip(tops, bottoms, strict=True)]
    drawn_excess = drawn[0] - (np.max(drawn[1:], axis=0) if baselines else 0.0)
    tail = (1 - level) / 2
    lower = np.quantile(drawn_excess, tail, axis=0)
    observed = int(first_run(lower[None] > 0)[0])
    again = first_run(drawn_excess - (excess - lower) > 0)
    low, high = (int(v) for v in np.quantile(again, (tail, 1 - tail), method="inverted_cdf"))
    none = n_streams
    return Onset(
        None if observed == none else observed,
        None if observed == none else observed / (n_streams - 1),
        None if low == none else low,
        None if high == none else high,
        float((again < none).mean()),
        excess,
        lower,
        n_items,
        n_clusters,
        smallest_seen(float(np.median(np.max(means[1:], axis=0))), n_clusters, level) if baselines else None,
        DEFINITION,
    )


def smallest_seen(baseline: float, n_clusters: int, level: float = 0.95) -> float | None:
    """Smallest share p with `p − z √(p (1 − p) / n)` above a baseline's share: the upper end of Wilson's interval about it.

    Null for a baseline that is no share.
    """
    if not 0 <= baseline <= 1:
        return None
    return wilson(baseline, n_clusters, level)[1]


def first_run(above: np.ndarray) -> np.ndarray:
    """For each row the first index that starts a run of `RUN` true values; the row's length if there is none."""
    n = above.shape[1]
    if n < RUN:
        return np.full(len(above), n)
    runs = np.logical_and.reduce([above[:, i : n - RUN + 1 + i] for i in range(RUN)])
    return np.where(runs.any(1), runs.argmax(1), n)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return top / bottom
