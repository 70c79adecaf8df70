"""Benjamini–Hochberg: scipy's values, order, missing tests and the rate it promises."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from strata.experiments.statistics import benjamini_hochberg

P = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(P)
def test_q_values_are_those_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


@given(P)
def test_q_follows_the_order_of_p_and_is_never_below_it(p: list[float]) -> None:
    q, values = benjamini_hochberg(p), np.array(p)
    assert (np.diff(q[np.argsort(values, kind="stable")]) >= 0).all() and (q >= values).all() and (q <= 1).all()


@given(P, st.lists(st.sampled_from([None, float("nan")]), max_size=5))
def test_tests_that_were_not_made_count_for_nothing(p: list[float], missing: list[float | None]) -> None:
    q = benjamini_hochberg([*missing, *p])
    assert np.isnan(q[: len(missing)]).all()
    np.testing.assert_array_equal(q[len(missing) :], benjamini_hochberg(p))


def test_the_input_is_not_changed_and_nothing_gives_nothing() -> None:
    p = np.array([0.01, 0.5])
    benjamini_hochberg(p)
    assert p.tolist() == [0.01, 0.5] and benjamini_hochberg([]).shape == (0,)


def test_the_share_of_false_discoveries_is_the_promised_one() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(2000):
        called = benjamini_hochberg(stats.norm.sf(rng.normal(size=50) + 3.5 * (np.arange(50) < 10))) <= 0.1
        shares.append(called[10:].sum() / max(called.sum(), 1))
    assert 0.07 < np.mean(shares) < 0.09, "0.1 × the share of true nulls"
