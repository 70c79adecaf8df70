"""Split-half reliability: scipy's Spearman, and the reliability that the planted noise implies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import split_half
from experiments.statistics.split_half import rank_correlation
from probes.errors import StrataError


def test_rank_correlation_is_spearmans_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, size=(50, 12)).astype(float), rng.normal(size=(50, 12))
    expected = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))


def test_two_clusters_have_one_split_stepped_up_by_spearman_brown() -> None:
    profiles = np.random.default_rng(1).normal(size=(2, 9)) + np.arange(9)
    r = stats.spearmanr(*profiles).statistic
    estimate = split_half(profiles, splits=50)
    assert estimate.value == pytest.approx(2 * r / (1 + r))
    assert (estimate.low, estimate.high, estimate.n_clusters) == (None, None, 2)


def test_the_corrected_value_is_the_agreement_with_a_second_study_of_the_same_size() -> None:
    rng = np.random.default_rng(2)
    corrected, repeated = [], []
    for seed in range(60):
        true = rng.normal(size=40)
        one, other = (true + 4 * rng.normal(size=(24, 40)) for _ in range(2))
        corrected.append(split_half(one, splits=100, seed=seed).value)
        repeated.append(stats.spearmanr(one.mean(0), other.mean(0)).statistic)
    assert np.mean(corrected) == pytest.approx(np.mean(repeated), abs=0.04)


def test_noise_agrees_with_nothing_and_a_sure_profile_with_itself() -> None:
    rng = np.random.default_rng(3)
    values = [split_half(rng.normal(size=(20, 30)), splits=100, seed=s).value for s in range(40)]
    assert abs(np.mean(values)) < 0.1
    assert split_half(np.tile(np.arange(8.0), (11, 1)), splits=20).value == 1
    assert np.isnan(split_half(np.zeros((8, 4)), splits=20).value)


def test_one_cluster_has_no_halves() -> None:
    with pytest.raises(StrataError, match="two clusters"):
        split_half(np.array([[1.0, 2], [np.nan, 1]]))
