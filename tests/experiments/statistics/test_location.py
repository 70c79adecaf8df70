"""Locating an effect: planted profiles are found, intervals cover them, and nothing is located where nothing is."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from strata.experiments.statistics import cluster_profiles, effect_depth, half_mass_block, locate_profile
from strata.experiments.statistics.stretch import stretch
from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import multinomial_weights


def _planted(kind: str, n_blocks: int) -> np.ndarray:
    profile = np.zeros(n_blocks)
    at = int(0.29 * n_blocks)
    if kind == "bump":
        profile[at - 1 : at + 2] = 0.5, 1, 0.5
    else:
        profile[at] = 1
    if kind == "two":
        profile[int(0.7 * n_blocks)] = 0.6
    return profile


def test_a_sure_effect_in_one_block_is_that_block_and_nothing_else() -> None:
    location = locate_profile(np.tile(np.eye(12)[3], (20, 1)), {"donor": np.full((20, 12), 0.1)}, draws=200, n_items=60)
    assert (location.layer, location.low_layer, location.high_layer) == (3, 3, 3)
    assert location.depth == location.low_depth == location.high_depth == pytest.approx(3.5 / 12)
    assert location.peak == pytest.approx(0.9) and location.excess[0] == pytest.approx(-0.1)
    assert location.p < 0.001 and (location.n_items, location.n_clusters) == (60, 20)


def test_the_excess_is_over_the_largest_mean_control_block_by_block() -> None:
    rng = np.random.default_rng(0)
    effects, control_a, control_b = rng.normal(size=(3, 15, 6))
    location = locate_profile(effects, {"one": control_a, "other": control_b}, draws=50, permutations=100)
    expected = [effects[:, b].mean() - max(control_a[:, b].mean(), control_b[:, b].mean()) for b in range(6)]
    np.testing.assert_allclose(location.excess, expected)
    assert location.peak == pytest.approx(max(expected))
    np.testing.assert_allclose(locate_profile(effects, {}, draws=50, permutations=100).excess, effects.mean(0))


def test_interval_and_point_are_the_loop_one_would_write_by_hand() -> None:
    rng = np.random.default_rng(1)
    effects = _planted("two", 8) + 0.7 * rng.normal(size=(14, 8))
    controls = {name: 0.5 * rng.normal(size=(14, 8)) for name in ("donor", "random")}
    location = locate_profile(effects, controls, draws=400, permutations=300, seed=3)

    tables = [effects, *controls.values()]
    errors = [(effects - c).std(0, ddof=1) / math.sqrt(14) for c in controls.values()]
    criticals = []
    signs = np.concatenate(list(_signs(14, 300, 3)))
    for control in controls.values():
        flipped = [stats.ttest_1samp(s[:, None] * (effects - control), 0).statistic.max() for s in signs]
        criticals.append(sorted(flipped)[-15])

    def mass(means: list[np.ndarray]) -> np.ndarray:
        excess = means[0] - np.maximum(means[1], means[2])
        height = [(means[0] - m) / e for m, e in zip(means[1:], errors, strict=True)]
        counted = (height[0] > criticals[0]) & (height[1] > criticals[1])
        if not counted.any():
            counted = np.arange(8) == np.where(excess > 0, np.minimum(*height), -1).argmax()
        return np.where(counted, np.maximum(excess, 0), 0)

    means = [t.mean(0) for t in tables]
    k = math.sqrt(14 / 13) * stats.t.ppf(0.975, 13) / NormalDist().inv_cdf(0.975)
    drawn = [mass([m + k * (w @ t / 14 - m) for m, t in zip(means, tables, strict=True)]) for w in _weights(14, 400, 3)]
    assert location.depth == pytest.approx(effect_depth(mass(means)))
    assert location.layer == half_mass_block(mass(means))
    expected = np.quantile([effect_depth(d) for d in drawn], (0.025, 0.975))
    assert (location.low_depth, location.high_depth) == pytest.approx(tuple(expected), abs=0.003)
    counted = location.p_by_block <= 0.05
    np.testing.assert_array_equal(counted, mass(means) > 0)


def _weights(n: int, draws: int, seed: int) -> np.ndarray:
    return np.concatenate(list(multinomial_weights(n, draws, seed)))


def _signs(n: int, draws: int, seed: int) -> list[np.ndarray]:
    return [2.0 * np.random.default_rng(seed).integers(0, 2, size=(draws, n)) - 1]


@pytest.mark.parametrize("n", [8, 12, 40, 500])
def test_stretch_turns_a_percentile_interval_into_students(n: int) -> None:
    expected = math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975)
    assert stretch(n) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_noise_of_items_does_not_pull_the_depth_to_the_middle(noise: float) -> None:
    """Methods §5: the mean of per-item depths is .331, .359, .395 where the truth is .292."""
    rng = np.random.default_rng(4)
    depths, per_item = [], []
    for seed in range(20):
        items = np.eye(12)[3] + noise * rng.normal(size=(600, 12))
        profiles = cluster_profiles(items, np.ones(600), (np.arange(600) // 15).tolist())
        depths.append(locate_profile(profiles, {}, draws=20, permutations=200, seed=seed).depth)
        per_item.append(effect_depth(items).mean())
    assert np.mean(depths) == pytest.approx(3.5 / 12, abs=0.002)
    assert np.mean(per_item) == pytest.approx({0.05: 0.331, 0.1: 0.359, 0.2: 0.395}[noise], abs=0.002)


@pytest.mark.parametrize("controls", [0, 2])
@pytest.mark.parametrize(("n_blocks", "n_clusters"), [(12, 12), (30, 12), (30, 40)])
@pytest.mark.parametrize("kind", ["spike", "two", "bump"])
def test_intervals_cover_the_planted_depth_from_little_to_much_noise(
    kind: str, n_blocks: int, n_clusters: int, controls: int
) -> None:
    rng = np.random.default_rng(5)
    profile = _planted(kind, n_blocks)
    depth, block = effect_depth(profile), half_mass_block(profile)
    for noise in (0.1, 0.4):
        covered, blocks, errors, widths = [], [], [], []
        for seed in range(250):
            location = locate_profile(
                profile + noise * rng.normal(size=(n_clusters, n_blocks)),
                {str(c): 0.7 * noise * rng.normal(size=(n_clusters, n_blocks)) for c in range(controls)},
                draws=200,
                permutations=200,
                seed=seed,
            )
            if location.p <= 0.05:
                assert None not in (location.low_depth, location.high_depth, location.low_layer, location.high_layer)
                covered.append(location.low_depth - 1e-9 <= depth <= location.high_depth + 1e-9)  # type: ignore[operator]
                blocks.append(location.low_layer <= block <= location.high_layer)  # type: ignore[operator]
                errors.append(location.depth - depth)
                widths.append(location.high_depth - location.low_depth)  # type: ignore[operator]
        assert len(covered) > 200
        assert np.mean(covered) >= 0.92 and np.mean(blocks) >= 0.92, (noise, np.mean(covered), np.mean(blocks))
        if (kind, n_clusters, controls) == ("two", 12, 2):
            # Elsewhere more is covered than asked for: empty blocks that nearly count hold one end open.
            assert np.mean(covered) <= 0.98, (noise, np.mean(covered))
        if noise == 0.1:
            assert abs(np.mean(errors)) < 0.003
            assert np.median(widths) < 0.06, "an interval that covers by being wide says nothing"


@pytest.mark.parametrize(
    ("standard_errors", "least", "most"),
    # 3 are asked for. Of what is weaker than that some is missing from all draws; of what is empty nothing can be missing.
    [(0, 0.985, 1.0), (2, 0.74, 0.86), (4, 0.92, 0.98), (6, 0.92, 0.98), (10, 0.92, 0.98)],
)
def test_what_the_interval_covers_depends_on_how_far_the_second_peak_stands_out(
    standard_errors: int, least: float, most: float
) -> None:
    rng = np.random.default_rng(3)
    profile = _planted("spike", 30) + standard_errors * 0.4 * math.sqrt(1.49 / 24) * np.eye(30)[21]
    depth, covered = effect_depth(profile), []
    for seed in range(1000):
        controls = {name: 0.28 * rng.normal(size=(24, 30)) for name in ("donor", "random")}
        location = locate_profile(
            profile + 0.4 * rng.normal(size=(24, 30)), controls, draws=200, permutations=200, seed=seed
        )
        assert location.p <= 0.05 and location.low_depth is not None and location.high_depth is not None
        covered.append(location.low_depth - 1e-9 <= depth <= location.high_depth + 1e-9)
    assert least <= np.mean(covered) <= most, np.mean(covered)


def test_a_control_as_large_as_the_effect_leaves_nothing_to_locate() -> None:
    rng = np.random.default_rng(6)
    profile = _planted("two", 12)
    false_positives = {"effect and control alike": 0, "no effect": 0, "two halves of a control": 0}
    for seed in range(400):
        noise = 0.4 * rng.normal(size=(5, 16, 12))
        quick = {"draws": 1, "permutations": 199, "seed": seed}
        alike = locate_profile(profile + noise[0], {"donor": profile + noise[1], "random": noise[2]}, **quick)  # type: ignore[arg-type]
        none = locate_profile(noise[0], {}, **quick)  # type: ignore[arg-type]
        first, second = np.where(np.arange(12) < 6, profile, 0), np.where(np.arange(12) < 6, 0, profile)
        halves = locate_profile(profile + noise[0], {"a": first + noise[3], "b": second + noise[4]}, **quick)  # type: ignore[arg-type]
        for name, location in zip(false_positives, (alike, none, halves), strict=True):
            false_positives[name] += location.p <= 0.05
    assert all(n / 400 <= 0.06 for n in false_positives.values()), false_positives


def test_fewer_than_eight_clusters_have_points_and_no_interval() -> None:
    rng = np.random.default_rng(7)
    location = locate_profile(np.eye(12)[3] + 0.05 * rng.normal(size=(7, 12)), {})
    assert location.layer == 3 and location.depth == pytest.approx(3.5 / 12, abs=0.03)
    assert location.low_layer is location.high_layer is location.low_depth is location.high_depth is None
    assert location.p == pytest.approx(1 / 2**7) and "fewer than 8" in location.method
    single = locate_profile(np.eye(12)[3:4], {})
    assert (single.layer, single.p, single.n_clusters) == (3, 1.0, 1)


def test_no_block_above_its_controls_is_no_layer() -> None:
    location = locate_profile(np.zeros((10, 5)), {"donor": np.ones((10, 5))}, draws=50)
    assert location.layer is None and np.isnan(location.depth) and location.p == 1
    assert location.low_depth is location.high_depth is None and location.peak == -1


def test_an_effect_nobody_should_believe_still_has_an_estimate() -> None:
    location = locate_profile(np.random.default_rng(8).normal(size=(12, 10)), {}, draws=200, permutations=200)
    assert location.p > 0.05 and location.layer is not None and 0 < location.depth < 1


@given(st.integers(0, 500), st.permutations(list(range(9))))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_clusters_does_not_matter_to_point_and_p(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    effects, control = 0.5 + rng.normal(size=(9, 6)), rng.normal(size=(9, 6))
    a = locate_profile(effects, {"c": control}, draws=20)
    b = locate_profile(effects[order], {"c": control[order]}, draws=20)
    assert (a.layer, a.p) == (b.layer, pytest.approx(b.p)) and a.depth == pytest.approx(b.depth)


def test_clusters_without_a_value_are_excluded_and_the_seed_decides() -> None:
    rng = np.random.default_rng(9)
    effects, control = 1 + rng.normal(size=(12, 6)), rng.normal(size=(12, 6))
    holed = np.insert(effects, 4, np.nan, axis=0), np.insert(control, 4, 0.0, axis=0)
    a = locate_profile(effects, {"c": control}, draws=100, permutations=100)
    b = locate_profile(holed[0], {"c": holed[1]}, draws=100, permutations=100)
    for name, value in vars(a).items():
        np.testing.assert_array_equal(value, getattr(b, name))
    with pytest.raises(StrataError, match="Control c has shape"):
        locate_profile(effects, {"c": control[:5]})
    with pytest.raises(StrataError, match="No cluster"):
        locate_profile(np.full((9, 3), np.nan), {})


def test_positions_are_tested_one_by_one_and_summed_before_the_depth_is_taken() -> None:
    rng = np.random.default_rng(10)
    subject, last = _planted("spike", 12), 0.6 * np.eye(12)[8]
    effects = np.concatenate([subject, last]) + 0.1 * rng.normal(size=(20, 24))
    both = locate_profile(effects, {}, draws=200, permutations=200, sites=2)
    assert both.depth == pytest.approx((3.5 + 0.6 * 8.5) / 1.6 / 12, abs=0.03)
    assert both.layer == 3 and both.p_by_block.shape == (24,)
    assert set(np.flatnonzero(both.p_by_block <= 0.05)) >= {3, 20}
