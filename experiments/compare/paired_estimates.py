"""One item asked of several models: means, changes, and the difference in differences against a control model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.share import cluster_share, same_everywhere

Role = str
BASE, DISTILLED, CONTROL = "base", "distilled", "control"
CHANGES = {
    "change": (DISTILLED, BASE),
    "control_change": (CONTROL, BASE),
    "difference_in_differences": (DISTILLED, CONTROL),
}
"""Contrast: minuend and subtrahend. (distilled − base) − (control − base) is distilled − control, item by item."""


_SAME = "exact, clusters as n: all of them changed by the same, so that resampling them has no width"


def paired(
    values: Mapping[Role, Float[np.ndarray, " item"]],
    clusters: Sequence[str],
    *,
    draws: int,
    seed: int,
    shares: bool = False,
) -> dict[str, Any]:
    """For every role its mean, for every contrast the mean difference, each with a cluster-bootstrap interval.

    `shares`: the values are shares of right answers. A role's own has the score interval (`cluster_share`), which holds at
    0 and 1 too, and a change that is the same in all clusters that of `same_everywhere`: resampling would call ten items as
    sure as ten thousand.

    Paired by item: an item that one of the models has no value for (NaN) counts in none. Returns plain dictionaries of
    `Estimate`; without a control its entries are None.
    """
    there = np.all([np.ones(len(clusters), bool), *(np.isfinite(column) for column in values.values())], axis=0)
    names = [name for name, known in zip(clusters, there, strict=True) if known]
    columns: dict[str, np.ndarray | None] = {
        role: values[role][there] if role in values else None for role in (BASE, DISTILLED, CONTROL)
    }
    for name, (upper, lower) in CHANGES.items():
        has = upper in values and lower in values
        columns[name] = values[upper][there] - values[lower][there] if has else None
    summary: dict[str, Any] = dict.fromkeys(columns)
    measured = {name: column for name, column in columns.items() if column is not None}
    if names and measured:
        estimates = cluster_bootstrap(np.stack(list(measured.values()), axis=1), names, draws=draws, seed=seed)
        summary |= {name: as_json(estimate) for name, estimate in zip(measured, estimates, strict=True)}
        for name, column in measured.items() if shares else ():
            summary[name] = (
                _with_width(summary[name]) if name in CHANGES else as_json(cluster_share(column.tolist(), names))
            )
    return summary


def _with_width(change: dict[str, Any]) -> dict[str, Any]:
    low, high = change["low"], change["high"]
    if low is None or not np.isclose(low, high, rtol=1e-9, atol=1e-12):
        return change
    wide = dict(zip(("low", "high"), same_everywhere(change["value"], change["n_clusters"]), strict=True))
    return {**change, **wide, "method": _SAME}


def as_json(estimate: Estimate) -> dict[str, Any]:
    """An estimate as a report holds it; undefined numbers are null."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in asdict(estimate).items()
    }


def excludes_zero(estimate: Mapping[str, Any] | None) -> bool:
    """Whether an interval is there and leaves 0 out."""
    if estimate is None or estimate["low"] is None or estimate["high"] is None:
        return False
    return bool(estimate["low"] > 0 or estimate["high"] < 0)


def without_interval(estimate: Mapping[str, Any]) -> str:
    """Why an estimate has no interval; empty where it has one."""
    if estimate["low"] is not None:
        return ""
    return "too few clusters for an interval"
