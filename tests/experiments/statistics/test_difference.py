"""Which effect sits deeper: the order is found, never made up, and "together" needs a narrow interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.statistics import EQUIVALENCE_BOUND, Difference, depth_difference, equivalent, locate_profile
from strata.experiments.statistics.difference import verdict
from strata.probes.errors import StrataError

QUICK = {"draws": 200, "permutations": 199}


def _spikes(n_blocks: int, **heights: float) -> np.ndarray:
    profile = np.zeros(n_blocks)
    for at, height in heights.items():
        profile[int(at[1:])] = height
    return profile


def _both(
    rng: np.random.Generator, a: np.ndarray, b: np.ndarray, n: int, noise: float, shared: float = 0.0
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Effects of two kinds and a control each; a cluster has a part that both kinds share."""
    own = shared * rng.normal(size=(n, len(a)))
    noise_a, noise_b, control_a, control_b = noise * rng.normal(size=(4, n, len(a)))
    return a + own + noise_a, {"donor": control_a / 2}, b + own + noise_b, {"donor": control_b / 2}


def test_the_difference_is_that_of_the_depths_as_located() -> None:
    rng = np.random.default_rng(0)
    a, ca, b, cb = _both(rng, _spikes(12, b3=1, b7=0.4), _spikes(12, b8=1), 20, 0.3)
    difference = depth_difference(a, ca, b, cb, permutations=300, draws=300, seed=2)
    depths = [locate_profile(e, c, permutations=300, draws=10, seed=2).depth for e, c in ((a, ca), (b, cb))]
    assert difference.difference == pytest.approx(depths[1] - depths[0], abs=1e-12)
    assert (
        difference.low is not None
        and difference.low90 is not None
        and difference.high is not None
        and difference.high90 is not None
    )
    assert difference.low <= difference.low90 <= difference.high90 <= difference.high


def test_sides_exchanged_give_the_opposite() -> None:
    rng = np.random.default_rng(1)
    a, ca, b, cb = _both(rng, _spikes(12, b3=1), _spikes(12, b8=1), 20, 0.3)
    pairs = [(i, i) for i in range(20)]
    ordered, exchanged = depth_difference(a, ca, b, cb, pairs, **QUICK), depth_difference(b, cb, a, ca, pairs, **QUICK)  # type: ignore[arg-type]
    assert (ordered.verdict, exchanged.verdict) == ("a-first", "b-first")
    assert (
        ordered.difference == -exchanged.difference
        and ordered.low == -exchanged.high
        and ordered.p == pytest.approx(exchanged.p, abs=0.02)
    )
    assert (ordered.n_clusters_a, ordered.n_clusters_b, ordered.n_shared) == (20, 20, 20)


def test_the_same_block_with_little_noise_is_together_and_with_much_undetermined() -> None:
    rng = np.random.default_rng(2)
    profile = _spikes(24, b8=1, b12=0.8)
    assert depth_difference(*_both(rng, profile, profile, 30, 0.05), **QUICK).verdict == "together"  # type: ignore[arg-type]
    assert depth_difference(*_both(rng, profile, profile, 30, 1.5), **QUICK).verdict == "undetermined"  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_a", "n_b", "shared"), [(16, 16, True), (16, 16, False), (12, 24, False)])
def test_no_order_is_made_up_and_the_interval_covers_none(n_a: int, n_b: int, shared: bool) -> None:
    rng = np.random.default_rng(3)
    profile = _spikes(16, b5=1, b11=0.6)
    differences: list[Difference] = []
    for seed in range(400):
        a, ca, b, cb = _both(rng, profile, profile, max(n_a, n_b), 0.3, 0.2 if shared else 0.0)
        pairs = [(i, i) for i in range(n_a)] if shared else None
        rows = slice(0, n_a), slice(0, n_b)
        differences.append(
            depth_difference(
                a[rows[0]],
                {"donor": ca["donor"][rows[0]]},
                b[rows[1]],
                {"donor": cb["donor"][rows[1]]},
                pairs,
                draws=150,
                permutations=199,
                seed=seed,
            )
        )
    significant = np.mean([f.p <= 0.05 for f in differences])
    covered = np.mean([f.low - 1e-9 <= 0 <= f.high + 1e-9 for f in differences])  # type: ignore[operator]
    ordered = np.mean([f.verdict in ("a-first", "b-first") for f in differences])
    assert significant <= 0.06 and ordered <= 0.05 and covered >= 0.92, (significant, ordered, covered)


def test_the_interval_covers_a_planted_difference_and_the_order_is_found() -> None:
    rng = np.random.default_rng(4)
    a, b = _spikes(12, b2=1, b6=0.5), _spikes(12, b2=0.5, b9=1)
    truth = (0.5 * 2.5 + 9.5) / 1.5 / 12 - (2.5 + 0.5 * 6.5) / 1.5 / 12
    differences = [depth_difference(*_both(rng, a, b, 20, 0.25), seed=s, **QUICK) for s in range(250)]  # type: ignore[arg-type]
    covered = np.mean([f.low <= truth <= f.high for f in differences])  # type: ignore[operator]
    assert 0.92 <= covered <= 0.99, covered
    assert np.mean([f.verdict == "a-first" for f in differences]) > 0.95
    assert np.mean([f.difference for f in differences]) == pytest.approx(truth, abs=0.01)


def test_what_clusters_share_makes_the_paired_interval_narrower() -> None:
    rng = np.random.default_rng(5)
    widths: dict[str, list[float]] = {"paired": [], "apart": []}
    for seed in range(20):
        # A cluster is early in both kinds or late in both: only pairing sees that.
        late = rng.uniform(0.3, 1, size=(30, 1))
        own = late * _spikes(12, b9=1) + (1.3 - late) * _spikes(12, b2=1)
        a, b = own + 0.02 * rng.normal(size=(2, 30, 12))
        for name, pairs in (("paired", [(i, i) for i in range(30)]), ("apart", None)):
            f = depth_difference(a, {}, b, {}, pairs, draws=200, permutations=50, seed=seed)
            widths[name].append(f.high - f.low)  # type: ignore[operator]
    assert np.mean(widths["paired"]) < 0.5 * np.mean(widths["apart"])


def test_partly_shared_clusters_and_clusters_without_a_value() -> None:
    rng = np.random.default_rng(6)
    a, ca, b, cb = _both(rng, _spikes(12, b3=1), _spikes(12, b8=1), 14, 0.2)
    a[2] = np.nan
    difference = depth_difference(a, ca, b[:12], {"donor": cb["donor"][:12]}, [(i, i) for i in range(10)], **QUICK)  # type: ignore[arg-type]
    assert (difference.n_clusters_a, difference.n_clusters_b, difference.n_shared, difference.verdict) == (
        13,
        12,
        9,
        "a-first",
    )


def test_few_clusters_have_a_p_and_no_claim() -> None:
    rng = np.random.default_rng(7)
    difference = depth_difference(*_both(rng, _spikes(12, b3=1), _spikes(12, b8=1), 7, 0.05), **QUICK)  # type: ignore[arg-type]
    assert difference.difference == pytest.approx(5 / 12, abs=0.02) and difference.p <= 0.05
    assert (
        difference.low is difference.high is difference.low90 is difference.high90 is None
        and difference.verdict == "undetermined"
    )


def test_nothing_to_locate_is_nothing_to_order() -> None:
    difference = depth_difference(np.zeros((9, 4)), {}, np.ones((9, 4)), {}, draws=50, permutations=50)
    assert np.isnan(difference.difference) and difference.p == 1 and difference.verdict == "undetermined"


@pytest.mark.parametrize(
    ("interval", "interval90", "p", "expected"),
    [
        ((0.01, 0.2), (0.02, 0.19), 0.05, "a-first"),
        ((-0.2, -0.01), (-0.19, -0.02), 0.01, "b-first"),
        ((0.01, 0.2), (0.02, 0.19), 0.06, "undetermined"),
        ((0.001, 0.04), (0.002, 0.03), 0.2, "together"),
        ((-0.06, 0.04), (-0.04, 0.03), 0.2, "together"),
        ((-0.2, 0.2), (-0.1, 0.1), 0.001, "undetermined"),
    ],
)
def test_the_rule(interval: tuple[float, float], interval90: tuple[float, float], p: float, expected: str) -> None:
    assert verdict(*interval, *interval90, p) == expected


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_equivalence_is_an_interval_inside_the_bound(x: float, y: float) -> None:
    low, high = min(x, y), max(x, y)
    assert equivalent(low, high) == (max(abs(low), abs(high)) < EQUIVALENCE_BOUND)
    assert not equivalent(None, high)


def test_sides_that_cannot_be_compared_are_refused() -> None:
    table = np.ones((9, 4))
    with pytest.raises(StrataError, match="Controls"):
        depth_difference(table, {"donor": table}, table, {})
    with pytest.raises(StrataError, match="blocks"):
        depth_difference(table, {}, table[:, :3], {})
    with pytest.raises(StrataError, match="paired twice"):
        depth_difference(table, {}, table, {}, [(0, 0), (0, 1)])
