"""Split-half reliability: scipy's Spearman, and the reliability that the planted noise implies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from strata.experiments.statistics.split_half import rank_correlation, split_half, split_half_between
from strata.probes.errors import StrataError


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
        first, second = (true + 4 * rng.normal(size=(24, 40)) for _ in range(2))
        corrected.append(split_half(first, splits=100, seed=seed).value)
        repeated.append(stats.spearmanr(first.mean(0), second.mean(0)).statistic)
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


def test_a_profile_agrees_with_another_as_with_itself_only_where_they_are_the_same() -> None:
    rng = np.random.default_rng(5)
    true, other = rng.normal(size=(2, 30))
    a, b, c = (shape + 2 * rng.normal(size=(24, 30)) for shape in (true, true, other))
    same = split_half_between(a, a, splits=100)
    assert same.between == pytest.approx(same.ceiling, abs=1e-12)
    alike, apart = split_half_between(a, b, splits=200), split_half_between(a, c, splits=200)
    assert alike.between == pytest.approx(alike.ceiling, abs=0.1) and alike.ceiling > 0.5
    assert apart.between < 0.4 < apart.ceiling
    assert split_half_between(b, a, splits=200, seed=3).between == pytest.approx(alike.between, abs=0.05)


def test_two_clusters_a_half_have_three_splits_that_spearman_gives() -> None:
    a, b = np.random.default_rng(6).normal(size=(2, 4, 7))

    def rho(x: np.ndarray, y: np.ndarray) -> float:
        return float(stats.spearmanr(x, y).statistic)

    between, ceiling = [], []
    for first in ([0, 1], [0, 2], [0, 3], [2, 3], [1, 3], [1, 2]):
        second = [row for row in range(4) if row not in first]
        between.append((rho(a[first].mean(0), b[second].mean(0)) + rho(b[first].mean(0), a[second].mean(0))) / 2)
        ceiling.append((rho(a[first].mean(0), a[second].mean(0)) + rho(b[first].mean(0), b[second].mean(0))) / 2)
    agreement = split_half_between(a, b, splits=4_000)
    assert agreement.between == pytest.approx(np.mean(between), abs=0.03)
    assert agreement.ceiling == pytest.approx(np.mean(ceiling), abs=0.03)


def test_too_few_clusters_and_unlike_shapes_are_refused() -> None:
    with pytest.raises(StrataError, match="3 clusters"):
        split_half_between(np.ones((4, 3)), np.array([[1.0, 2, 3]] * 3 + [[np.nan] * 3]))
    with pytest.raises(StrataError, match="of shape"):
        split_half_between(np.ones((4, 3)), np.ones((4, 2)))
