"""Max-T: the loop one would write by hand, all sign patterns, and false positives at the nominal rate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from strata.experiments.statistics.max_t import max_t_sign_flip
from strata.probes.errors import StrataError


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_all_sign_patterns_are_taken_when_they_are_few(alternative: str) -> None:
    values = np.random.default_rng(0).normal(0.4, 1, size=(7, 4))
    result = max_t_sign_flip(values, alternative=alternative)

    def size(table: np.ndarray) -> np.ndarray:
        t = stats.ttest_1samp(table, 0).statistic
        return np.abs(t) if alternative == "two-sided" else t

    maxima = [size(np.array(signs)[:, None] * values).max() for signs in itertools.product((1, -1), repeat=7)]
    expected = [(np.array(maxima) >= t - 1e-9).mean() for t in size(values)]
    np.testing.assert_allclose(result.p_by_block, expected)
    np.testing.assert_allclose(result.t, stats.ttest_1samp(values, 0).statistic)
    assert result.enumerated and result.draws == 2**7 - 1 and result.p == min(expected) and result.n_clusters == 7


def test_six_clusters_cannot_do_better_than_two_in_sixty_four() -> None:
    result = max_t_sign_flip(np.random.default_rng(0).normal(50, 1, size=(6, 3)))
    assert result.p == pytest.approx(2 / 64)
    assert max_t_sign_flip(np.full((6, 3), 2.0)).p == pytest.approx(2 / 64), "sure blocks too"
    assert max_t_sign_flip(np.full((6, 3), 2.0), alternative="greater").p == pytest.approx(1 / 64)


def test_blocks_without_variance_do_no_harm() -> None:
    values = np.random.default_rng(1).normal(size=(20, 3))
    values[:, 1] = 0
    result = max_t_sign_flip(values, draws=500)
    assert result.t[1] == 0 and result.p_by_block[1] == 1
    without = max_t_sign_flip(values[:, [0, 2]], draws=500)
    np.testing.assert_array_equal(result.p_by_block[[0, 2]], without.p_by_block)
    values[:, 1] = 0.1
    result = max_t_sign_flip(values, draws=500)
    assert result.t[1] == np.inf and result.p_by_block[1] == pytest.approx(1 / 501)


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("n_clusters", [4, 6, 9, 25])
def test_standing_above_the_critical_value_is_having_a_small_p(alpha: float, n_clusters: int) -> None:
    rng = np.random.default_rng(3)
    for seed in range(20):
        values = rng.normal(rng.uniform(0, 1.5, size=5), 1, size=(n_clusters, 5))
        result = max_t_sign_flip(values, draws=400, seed=seed, alternative="greater")
        np.testing.assert_array_equal(result.t > result.critical(alpha) + 1e-7, result.p_by_block <= alpha)


@given(st.integers(0, 1000), st.permutations(list(range(5))), st.permutations(list(range(8))))
@settings(max_examples=20, deadline=None)
def test_order_of_blocks_and_clusters_does_not_matter(seed: int, blocks: list[int], clusters: list[int]) -> None:
    values = np.random.default_rng(seed).normal(0.5, 1, size=(8, 5))
    p = max_t_sign_flip(values).p_by_block
    np.testing.assert_allclose(max_t_sign_flip(values[clusters][:, blocks]).p_by_block, p[blocks])


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_no_block_is_surer_than_with_itself_alone(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.5, 1, size=(8, 4))
    alone = [max_t_sign_flip(values[:, [b]]).p for b in range(4)]
    assert (max_t_sign_flip(values).p_by_block >= np.array(alone) - 1e-12).all()


def test_false_positives_stay_at_the_nominal_rate_whatever_the_clusters_look_like() -> None:
    rng = np.random.default_rng(4)
    false_positives = 0
    for seed in range(1000):
        # Neighbouring blocks correlate, clusters have heavy tails and levels of their own.
        noise = np.cumsum(rng.standard_t(4, size=(16, 10)), axis=1) * rng.uniform(0.5, 2, size=(16, 1))
        false_positives += max_t_sign_flip(noise, draws=199, seed=seed).p <= 0.05
    assert 0.03 <= false_positives / 1000 <= 0.06


def test_one_cluster_is_refused_and_clusters_without_a_value_are_excluded() -> None:
    values = np.random.default_rng(5).normal(size=(9, 2))
    holed = np.concatenate([values, [[np.nan, 1.0]]])
    np.testing.assert_array_equal(max_t_sign_flip(holed).p_by_block, max_t_sign_flip(values).p_by_block)
    with pytest.raises(StrataError, match="two or more"):
        max_t_sign_flip(values[:1])
