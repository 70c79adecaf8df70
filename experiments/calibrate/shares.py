"""Shares and mean errors with intervals that count models: families of one model aren't independent."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from strata.experiments.results.calibration import MeanError, Share
from strata.probes.statistics.share import wilson

_DRAWS = 2000
_FEWEST_MODELS = 3
"""Fewer give no interval of a mean."""


def share(by_model: Sequence[tuple[int, int]], level: float = 0.95) -> Share:
    """(part, whole) of every model. Wilson's interval (1927), which stays open at 0 and 1, with models as the number of trials."""
    counted = [(part, whole) for part, whole in by_model if whole]
    part, whole = sum(part for part, _ in counted), sum(whole for _, whole in counted)
    if not whole:
        return Share(part=0, of=0, models=0, value=math.nan)
    value = part / whole
    return Share(part=part, of=whole, models=len(counted), value=value, interval=wilson(value, len(counted), level))


def mean_error(by_model: Sequence[Sequence[float]], seed: int = 0) -> MeanError:
    """Errors of every model's placed families; models are drawn anew for the interval."""
    placed = [list(errors) for errors in by_model if errors]
    every = [error for errors in placed for error in errors]
    if not every:
        return MeanError(families=0, mean=math.nan, median=math.nan)
    interval = None
    if len(placed) >= _FEWEST_MODELS:
        sums = np.array([[sum(errors), len(errors)] for errors in placed], dtype=float)
        rows = np.random.default_rng(seed).integers(len(placed), size=(_DRAWS, len(placed)))
        drawn = sums[rows].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        interval = (float(low), float(high))
    return MeanError(families=len(every), mean=float(np.mean(every)), median=float(np.median(every)), interval=interval)
