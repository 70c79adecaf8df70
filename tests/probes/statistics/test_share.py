"""Shares of right answers: the score interval, with clusters as n."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from strata.probes.statistics.share import cluster_share, wilson


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_interval_is_scipys_wilson_interval(case: tuple[int, int]) -> None:
    n, right = case
    interval = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_items_of_one_cluster_do_not_narrow_the_interval() -> None:
    right = [True, False, True, True]
    once = cluster_share(right, ["a", "b", "c", "d"])
    tenfold = cluster_share(right * 10, ["a", "b", "c", "d"] * 10)
    assert (once.low, once.high) == (tenfold.low, tenfold.high)
    assert tenfold.n_items == 40 and tenfold.n_clusters == 4


def test_a_perfect_score_of_few_clusters_is_not_certain() -> None:
    estimate = cluster_share([True] * 3, ["a", "b", "c"])
    assert estimate.value == 1.0 and estimate.low is not None and estimate.low < 0.5
