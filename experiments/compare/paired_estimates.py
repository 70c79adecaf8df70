"""One item asked of several models: means, changes, and the difference in differences against a control model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.roles import CHANGES, ROLES, Role
from strata.experiments.statistics.families_and_clusters import family_and_cluster_bootstrap
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.share import cluster_share, same_everywhere

_SAME = "exact, clusters as n: all of them changed by the same, so that resampling them has no width"


def paired(
    values: Mapping[Role, Float[np.ndarray, " item"]],
    clusters: Sequence[str],
    *,
    draws: int,
    seed: int,
    shares: bool = False,
    families: Sequence[str] | None = None,
) -> Contrasted:
    """For every role its mean, for every contrast the mean difference, each with a cluster-bootstrap interval.

    `shares`: the values are shares of right answers. A role's own has the score interval (`cluster_share`), which holds at
    0 and 1 too, and a change that is the same in all clusters that of `same_everywhere`: resampling would call ten items as
    sure as ten thousand. `families`: of each item its family; families are resampled then, and clusters within them, and a role's own share
    has the score interval only where it is 0 or 1.

    Paired by item: an item that one of the models has no value for (NaN) counts in none. Without a control its entries are
    None.
    """
    there = np.all([np.ones(len(clusters), bool), *(np.isfinite(column) for column in values.values())], axis=0)
    names = [name for name, known in zip(clusters, there, strict=True) if known]
    measured: dict[str, np.ndarray] = {role: values[role][there] for role in ROLES if role in values}
    for name, (upper, lower) in CHANGES.items():
        if upper in values and lower in values:
            measured[name] = values[upper][there] - values[lower][there]
    if not names or not measured:
        return Contrasted()
    columns = np.stack(list(measured.values()), axis=1)
    estimates: Sequence[Estimate]
    if families is None:
        estimates = cluster_bootstrap(columns, names, draws=draws, seed=seed)
    else:
        of_item = [name for name, known in zip(families, there, strict=True) if known]
        estimates = family_and_cluster_bootstrap(columns, names, of_item, draws=draws, seed=seed)
    by_name = {name: Estimated.of(estimate) for name, estimate in zip(measured, estimates, strict=True)}
    if shares:
        by_name = {name: _within(estimate, 0.0 if name in values else -1.0) for name, estimate in by_name.items()}
    if shares:
        by_name = {
            name: _with_width(by_name[name]) if name in CHANGES
            else by_name[name] if families is not None and 0 < column.mean() < 1
            else Estimated.of(cluster_share(column.tolist(), names))
            for name, column in measured.items()
        }  # fmt: skip
    return Contrasted.model_validate(by_name)


def _with_width(change: Estimated) -> Estimated:
    if change.value is None or change.low is None or change.high is None:
        return change
    if not np.isclose(change.low, change.high, rtol=1e-9, atol=1e-12):
        return change
    low, high = same_everywhere(change.value, change.n_clusters)
    return change.model_copy(update={"low": low, "high": high, "method": _SAME})


def _within(estimate: Estimated, least: float) -> Estimated:
    """A stretched interval may leave what a share, or a change of shares, can be."""
    low, high = (None if end is None else min(1.0, max(least, end)) for end in (estimate.low, estimate.high))
    return estimate.model_copy(update={"low": low, "high": high})
