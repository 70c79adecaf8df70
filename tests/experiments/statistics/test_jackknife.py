"""Jackknifed intervals against the plain cluster bootstrap, where both can be made."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.statistics.jackknife import jackknife_bootstrap
from strata.probes.statistics.bootstrap import cluster_bootstrap


def _less_one(values: np.ndarray) -> np.ndarray:
    return np.stack([np.delete(values, row, axis=0).mean(0) for row in range(len(values))])


def test_of_a_mean_it_is_the_cluster_bootstrap() -> None:
    values = np.random.default_rng(0).normal((0, 1, 2), size=(20, 3))
    estimates = jackknife_bootstrap(values.mean(0), _less_one(values), n_clusters=20, n_items=40, draws=500, seed=3)
    expected = cluster_bootstrap(values, range(20), draws=500, seed=3)
    for estimate, plain in zip(estimates, expected, strict=True):
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx(
            (plain.value, plain.low, plain.high), rel=1e-9
        )
        assert (estimate.n_items, estimate.n_clusters) == (40, 20) and "jackknife" in estimate.method


def test_there_are_points_only_with_few_clusters_or_where_a_number_is_missing() -> None:
    (few,) = jackknife_bootstrap(np.array([0.5]), np.empty((0, 1)), n_clusters=7, n_items=9)
    assert (few.value, few.low, few.high, few.n_items, few.n_clusters) == (0.5, None, None, 9, 7)
    values = np.random.default_rng(0).standard_normal((10, 2))
    without = _less_one(values)
    without[4, 1] = np.nan
    whole, broken = jackknife_bootstrap(values.mean(0), without, n_clusters=10, n_items=10, draws=200)
    assert whole.low is not None
    assert broken.low is None and broken.high is None and broken.value == pytest.approx(values[:, 1].mean())
