"""At which stream does something begin? The rule, and how sure its answer is. "Nowhere" is an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.statistics.bootstrap import LEVEL, MIN_CLUSTERS, _codes, cluster_means

Array = np.ndarray

RUN = 3
"""Streams in a row that must stand above the baselines."""


@dataclass(frozen=True)
class Onset:
    stream: int | None
    """First stream of the run; None: nowhere."""
    low: int | None
    """Lower end of the 95 % interval; None when nowhere, or with fewer than 8 clusters."""
    high: int | None
    """Upper end; the last stream where 2.5 % of the draws or more find no onset at all."""
    none_share: float
    """Share of the draws without an onset."""
    n_items: int
    """Items behind it."""
    n_clusters: int
    """Clusters resampled."""
    method: str
    """The rule and how its interval was made."""


def onset(
    values: Float[Array, "item stream"],
    baselines: Sequence[Float[Array, "item stream"]],
    clusters: Sequence[object],
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> Onset:
    """First stream s at which the lower 95 % bound of `mean(values) − max over baselines of mean` is above 0 at s, s+1, s+2.

    Clusters are resampled; values and baselines of an item stay together, so what they share cancels. The interval comes
    from applying the rule to every draw, with the draw's own excess and the distance between estimate and lower bound
    of the full data: a bound of its own for every draw would need a bootstrap inside the bootstrap.
    """
    values = np.asarray(values, dtype=np.float64)
    codes, n_clusters = _codes(clusters, len(values))
    method = f"lower bound above the baselines at {RUN} streams in a row; cluster bootstrap, {draws:,} draws"
    if n_clusters < MIN_CLUSTERS:
        short = f"not decided: {n_clusters} clusters, {MIN_CLUSTERS} are needed"
        return Onset(None, None, None, 1.0, len(values), n_clusters, short)
    n_streams = values.shape[1]
    differences = [values - baseline for baseline in baselines] or [values]
    stacked = np.concatenate(differences, axis=1)
    excess = stacked.mean(0).reshape(-1, n_streams).min(0)
    drawn = cluster_means(stacked, codes, draws=draws, seed=seed).reshape(draws, -1, n_streams).min(1)
    bound = np.quantile(drawn, (1 - LEVEL) / 2, axis=0)
    stream = _first_run((bound > 0)[None])[0]
    each = _first_run(drawn - (excess - bound) > 0)
    none_share = float((each < 0).mean())
    if stream < 0:
        return Onset(None, None, None, none_share, len(values), n_clusters, method)
    low, high = np.quantile(
        np.where(each < 0, n_streams - 1, each), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest"
    )
    return Onset(int(stream), int(low), int(high), none_share, len(values), n_clusters, method)


def _first_run(holds: Bool[Array, "draw stream"]) -> Int[Array, " draw"]:
    """Where the first RUN consecutive true values begin; −1 where there are none."""
    if holds.shape[1] < RUN:
        return np.full(len(holds), -1)
    runs = np.lib.stride_tricks.sliding_window_view(holds, RUN, axis=1).all(-1)
    return np.where(runs.any(1), runs.argmax(1), -1)
