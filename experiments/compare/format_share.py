"""Which share of a drop is gone when each model is asked in the way that suits it best? What comes back was not lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.results.comparison import FormatShare
from strata.experiments.results.comparison_reasons import NoShare, WhyNoShare
from strata.experiments.results.estimates import Estimated
from strata.probes.statistics.bootstrap import MIN_CLUSTERS, cluster_codes, multinomial_weights, per_cluster


def format_share(
    drop: Float[np.ndarray, " item"],
    drop_at_best: Float[np.ndarray, " item"],
    clusters: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> FormatShare:
    """(Σ drop − Σ drop at best) ÷ Σ drop with a 95 % percentile interval over clusters, the same clusters above and below.

    The drops are base − distilled, item by item; an item that lacks one (NaN) counts in neither. Defined only where the drop as
    asked is a drop: where its own interval lies above 0. A draw without a drop puts the share out of all bounds, and an interval
    that reaches there is none.
    """
    there = np.isfinite(drop) & np.isfinite(drop_at_best)
    names = [name for name, known in zip(clusters, there, strict=True) if known]
    if not names:
        return _undefined("not-measured")
    both = np.stack([drop[there], drop_at_best[there]], axis=1)
    sums = per_cluster(both, cluster_codes(names))
    if len(sums) < MIN_CLUSTERS:
        return _undefined("too-few-clusters")
    drawn = np.concatenate([weights @ sums for weights in multinomial_weights(len(sums), draws, seed)])
    # A drop that is the same in every cluster has no width, so its smallest draw stands for the interval.
    if not np.quantile(drawn[:, 0], 0.025) > 0:
        return _undefined("no-drop")
    low, high = np.quantile(_shares(drawn), (0.025, 0.975), method="nearest")
    if not (np.isfinite(low) and np.isfinite(high)):
        return _undefined("unbounded")
    value = float(_shares(sums.sum(0, keepdims=True))[0])
    method = f"cluster bootstrap of the ratio, percentile, {draws} draws, 95%; the ways stay as chosen"
    return FormatShare(
        share=Estimated(value=value, low=float(low), high=float(high), n_items=len(names), n_clusters=len(sums), method=method)
    )  # fmt: skip


def _shares(sums: Float[np.ndarray, "draw 2"]) -> Float[np.ndarray, " draw"]:
    drop, at_best = sums[:, 0], sums[:, 1]
    back = drop - at_best
    defined = drop > 0
    return np.where(defined, back / np.where(defined, drop, 1.0), np.where(back >= 0, np.inf, -np.inf))


def _undefined(code: NoShare) -> FormatShare:
    return FormatShare(why=WhyNoShare(code=code))
