"""The onset is where it was planted, with an interval that says so, and noise has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import cluster_bootstrap
from strata.probes.statistics.onset import first_run, onset, smallest_seen

L = 12
"""Blocks; streams run from 0 to L."""


def _right(
    rng: np.random.Generator, probability: np.ndarray, n_clusters: int = 40, size: int = 3
) -> tuple[np.ndarray, list[int]]:
    """Right or wrong per item and stream; items of a cluster share half of their luck."""
    clusters = np.repeat(np.arange(n_clusters), size)
    shared, own = rng.random((n_clusters, len(probability)))[clusters], rng.random((len(clusters), len(probability)))
    luck = np.where(rng.random(own.shape) < 0.5, shared, own)
    return (luck < probability).astype(float), clusters.tolist()


def _step(at: int, low: float = 0.5, high: float = 0.95) -> np.ndarray:
    return np.where(np.arange(L + 1) >= at, high, low)


@pytest.mark.parametrize("planted", [0, 4, 7, L - 2])
def test_a_planted_step_is_found_with_a_tight_interval(planted: int) -> None:
    values, clusters = _right(np.random.default_rng(planted), _step(planted))
    result = onset(values, [np.array(0.5)], clusters, draws=2000)
    assert result.stream == planted
    assert result.depth == pytest.approx(planted / L)
    assert result.low is not None and result.high is not None
    assert result.low <= planted <= result.high and result.high - result.low <= 2
    assert result.share_found == pytest.approx(1, abs=0.02)


def test_the_interval_of_a_slow_rise_usually_holds_its_second_stream() -> None:
    rise = np.clip(0.5 + 0.12 * (np.arange(L + 1) - 4), 0.5, 0.95)
    held, widths = 0, []
    for seed in range(60):
        values, clusters = _right(np.random.default_rng(seed), rise, n_clusters=40)
        result = onset(values, [np.array(0.5)], clusters, draws=400, seed=seed)
        assert result.stream is not None and result.low is not None and result.high is not None
        held += result.low <= 6 <= result.high
        widths.append(result.high - result.low)
    assert held >= 48
    assert np.mean(widths) < 4


def test_noise_rarely_has_an_onset() -> None:
    false_onsets, surely = 0, 0
    for seed in range(150):
        values, clusters = _right(np.random.default_rng(seed), np.full(L + 1, 0.5), n_clusters=20)
        result = onset(values, [np.array(0.5)], clusters, draws=400, seed=seed)
        false_onsets += result.stream is not None
        surely += result.low is not None and result.high is not None
    assert false_onsets <= 7
    assert surely <= 2


def test_noise_has_the_interval_none() -> None:
    values, clusters = _right(np.random.default_rng(0), np.full(L + 1, 0.3))
    result = onset(values, [np.array(0.5)], clusters, draws=500)
    assert (result.stream, result.depth, result.low, result.high, result.share_found) == (None, None, None, None, 0.0)


def test_a_doubtful_rise_has_an_interval_that_reaches_none() -> None:
    values, clusters = _right(np.random.default_rng(3), _step(6, 0.5, 0.62), n_clusters=30)
    result = onset(values, [np.array(0.5)], clusters, draws=1000)
    assert result.share_found is not None and 0.05 < result.share_found < 0.97
    assert result.low is not None and result.high is None


def test_the_onset_is_the_first_of_three_lower_bounds_above_the_baseline() -> None:
    for seed in range(8):
        values, clusters = _right(np.random.default_rng(seed), np.linspace(0.4, 0.8, L + 1))
        result = onset(values, [np.array(0.5)], clusters, draws=500, seed=seed)
        above = [
            e.low > 0 for e in cluster_bootstrap(values - 0.5, clusters, draws=500, seed=seed) if e.low is not None
        ]
        assert len(above) == L + 1
        expected = next((s for s in range(L - 1) if all(above[s : s + 3])), None)
        assert result.stream == expected


def test_two_streams_in_a_row_are_no_onset() -> None:
    probability = np.full(L + 1, 0.5)
    probability[[5, 6]] = 0.98
    values, clusters = _right(np.random.default_rng(5), probability)
    result = onset(values, [np.array(0.5)], clusters, draws=500)
    assert result.lower_bound is not None and (result.lower_bound[5:7] > 0).all()
    assert result.stream is None


def test_the_highest_baseline_counts() -> None:
    rng = np.random.default_rng(6)
    values, clusters = _right(rng, _step(3, 0.5, 0.9))
    embedding, _ = _right(rng, np.full(1, 0.6))
    random_init, _ = _right(rng, np.where(np.arange(L + 1) < 8, 0.9, 0.3))
    low_only = onset(values, [np.array(0.5), embedding], clusters, draws=500)
    all_of_them = onset(values, [np.array(0.5), embedding, random_init], clusters, draws=500)
    assert low_only.stream == 3 and all_of_them.stream == 8
    means = np.max([np.full(L + 1, 0.5), np.full(L + 1, embedding.mean()), random_init.mean(0)], axis=0)
    np.testing.assert_allclose(all_of_them.excess, values.mean(0) - means)


def test_a_baseline_on_the_same_items_is_paired() -> None:
    rng = np.random.default_rng(7)
    base = np.repeat(rng.normal(0, 20, size=10), 3)[:, None]
    values = base + _step(5, 0.0, 1.0) + 0.05 * rng.normal(size=(30, L + 1))
    clusters = np.repeat(np.arange(10), 3).tolist()
    assert onset(values, [base], clusters, draws=500).stream == 5
    assert onset(values, [np.array(0.0)], clusters, draws=500).stream is None


def test_without_baselines_zero_is_the_floor() -> None:
    values, clusters = _right(np.random.default_rng(8), _step(5, 0.0, 0.5))
    assert onset(values, [], clusters, draws=300).stream == 5


def test_fewer_than_eight_clusters_claim_no_onset() -> None:
    values, clusters = _right(np.random.default_rng(9), _step(4, 0.05, 0.99), n_clusters=7, size=10)
    result = onset(values, [np.array(0.5)], clusters)
    assert result.stream is None and result.depth is None and result.low is None and result.high is None
    assert result.lower_bound is None and result.share_found is None
    assert result.n_clusters == 7 and result.n_items == 70
    np.testing.assert_allclose(result.excess, values.mean(0) - 0.5)


def test_clusters_without_a_value_do_not_count_towards_the_eight() -> None:
    values, clusters = _right(np.random.default_rng(9), _step(4, 0.05, 0.99), n_clusters=12, size=5)
    values[5 * 7 :] = np.nan
    result = onset(values, [np.array(0.5)], clusters, draws=300)
    assert result.stream is None and result.lower_bound is None
    assert result.n_clusters == 7 and result.n_items == 35


def test_missing_items_are_excluded_of_the_means() -> None:
    rng = np.random.default_rng(10)
    values, clusters = _right(rng, _step(6))
    values[rng.random(len(values)) < 0.3] = np.nan
    result = onset(values, [np.array(0.5)], clusters, draws=500)
    assert result.stream == 6
    np.testing.assert_allclose(result.excess, np.nanmean(values, axis=0) - 0.5)


def test_too_few_streams_have_no_onset() -> None:
    values, clusters = _right(np.random.default_rng(11), np.full(2, 0.99))
    result = onset(values, [np.array(0.5)], clusters, draws=200)
    assert result.stream is None and result.low is None


def test_the_seed_alone_decides_the_bounds() -> None:
    values, clusters = _right(np.random.default_rng(12), _step(6, 0.5, 0.7))
    first, again, other = (onset(values, [np.array(0.5)], clusters, draws=300, seed=s) for s in (1, 1, 2))
    assert first.lower_bound is not None and again.lower_bound is not None and other.lower_bound is not None
    assert first.lower_bound.tobytes() == again.lower_bound.tobytes()
    assert (first.low, first.high, first.share_found) == (again.low, again.high, again.share_found)
    assert first.lower_bound.tobytes() != other.lower_bound.tobytes()


@given(hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 12))))
def test_the_first_run_is_the_one_a_loop_finds(above: np.ndarray) -> None:
    expected = [
        next((s for s in range(above.shape[1] - 2) if row[s] and row[s + 1] and row[s + 2]), above.shape[1])
        for row in above
    ]
    assert first_run(above).tolist() == expected


def test_values_without_clusters_and_no_values_at_all_are_refused() -> None:
    with pytest.raises(StrataError, match="3 values for 2 clusters") as error:
        onset(np.zeros((3, 5)), [], ["a", "b"])
    assert error.value.remedy
    with pytest.raises(StrataError, match="No items") as error:
        onset(np.zeros((0, 5)), [], [])
    assert error.value.remedy


@given(st.floats(0.01, 0.9), st.integers(8, 200))
def test_the_smallest_share_that_is_seen_is_the_one_whose_bound_reaches_the_baseline(baseline: float, n: int) -> None:
    share = smallest_seen(baseline, n)
    assert share is not None and baseline < share <= 1
    assert share - 1.959964 * np.sqrt(share * (1 - share) / n) == pytest.approx(baseline, abs=1e-6)


def test_an_onset_says_what_it_could_have_seen_and_nothing_of_values_that_are_no_shares() -> None:
    values, clusters = _right(np.random.default_rng(0), np.full(L + 1, 0.5))
    assert onset(values, [np.array(0.5)], clusters, draws=200).smallest_seen == smallest_seen(0.5, 40)
    assert onset(values, [np.array(-3.0)], clusters, draws=200).smallest_seen is None
    assert onset(values, [], clusters, draws=200).smallest_seen is None
