"""Means over families and differences of two groups of them: families are the units where there are three or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from strata.experiments.statistics.few_cluster_correction import stretch

FAMILIES_AS_UNITS = 3
"""Families from which on they are resampled; with fewer only their clusters are, and what is said is of these families."""


@dataclass(frozen=True)
class Sampled:
    """A number and its draws."""

    value: float
    draws: Float[np.ndarray, " draw"]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        low, high = np.nanquantile(self.draws, ((1 - level) / 2, (1 + level) / 2))
        return float(low), float(high)

    @property
    def two_sided_p(self) -> float:
        """Share of draws on the other side of 0, twice."""
        below, above = float((self.draws <= 0).mean()), float((self.draws >= 0).mean())
        return min(1.0, 2 * max(min(below, above), 1 / (len(self.draws) + 1)))


def mean_of_families(by_family: Sequence[Float[np.ndarray, " draw"]], *, seed: int) -> Sampled:
    """Mean over families; `by_family`: of each its value (row 0) and its draws of clusters."""
    rng = np.random.default_rng(seed)
    table = np.stack(by_family)
    value, drawn = float(table[:, 0].mean()), table[:, 1:]
    n_families, n_draws = drawn.shape
    if n_families < FAMILIES_AS_UNITS:
        # Families of as many clusters were resampled by the same numbers: dealt out anew their draws are independent.
        return Sampled(value, rng.permuted(drawn, axis=1).mean(axis=0))
    picked = rng.integers(0, n_families, size=(n_draws, n_families))
    within = rng.integers(0, n_draws, size=(n_draws, n_families))
    # A bootstrap of three to six families is much too narrow.
    return Sampled(value, value + stretch(n_families) * (drawn[picked, within].mean(axis=1) - value))


def difference(one: Sampled, other: Sampled) -> Sampled:
    """Of two independent groups."""
    n = min(len(one.draws), len(other.draws))
    return Sampled(one.value - other.value, one.draws[:n] - other.draws[:n])
