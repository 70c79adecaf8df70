"""The cluster bootstrap: the loop one would write by hand, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.probes.errors import StrataError
from strata.probes.linear import control_labels, probe_streams
from strata.probes.statistics.bootstrap import (
    bootstrap_ratios,
    cluster_bootstrap,
    cluster_bootstrap_ratio,
    cluster_codes,
    multinomial_weights,
    per_cluster,
)


def _clustered(
    rng: np.random.Generator, n_clusters: int = 12, n_layers: int = 3, missing: float = 0.0
) -> tuple[np.ndarray, list[str]]:
    """Clusters of 1 to 5 items with their own level."""
    code = np.repeat(np.arange(n_clusters), rng.integers(1, 6, size=n_clusters))
    values = rng.normal(size=(len(code), n_layers)) + rng.normal(size=n_clusters)[code][:, None]
    values[rng.random(values.shape) < missing] = np.nan
    return values, [f"entity {c}" for c in code]


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_every_draw_is_the_mean_of_the_items_of_the_clusters_drawn(missing: float) -> None:
    values, clusters = _clustered(np.random.default_rng(1), missing=missing)
    estimates = cluster_bootstrap(values, clusters, draws=300, seed=5)
    weights = np.concatenate(list(multinomial_weights(12, 300, 5)))
    names = list(dict.fromkeys(clusters))
    for layer, estimate in enumerate(estimates):
        means = []
        for draw in weights:
            picked = [
                value
                for name, times in zip(names, draw, strict=True)
                for _ in range(int(times))
                for value, cluster in zip(values[:, layer], clusters, strict=True)
                if cluster == name and not np.isnan(value)
            ]
            means.append(np.mean(picked))
        assert estimate.value == pytest.approx(np.nanmean(values[:, layer]))
        assert estimate.low == pytest.approx(np.quantile(means, 0.025))
        assert estimate.high == pytest.approx(np.quantile(means, 0.975))
        assert estimate.n_items == np.isfinite(values[:, layer]).sum()


@given(st.integers(1, 30), st.integers(1, 2500), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_each_draw_takes_as_many_clusters_as_there_are(n_clusters: int, draws: int, seed: int) -> None:
    weights = np.concatenate(list(multinomial_weights(n_clusters, draws, seed)))
    assert weights.shape == (draws, n_clusters)
    assert (weights.sum(1) == n_clusters).all() and (weights >= 0).all()


def test_weights_have_the_moments_of_the_multinomial() -> None:
    weights = np.concatenate(list(multinomial_weights(10, 20_000, 0)))
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.03)
    expected = np.where(np.eye(10, dtype=bool), 0.9, -0.1)
    np.testing.assert_allclose(np.cov(weights.T), expected, atol=0.04)


def test_many_equal_clusters_give_the_normal_interval_of_their_means() -> None:
    rng = np.random.default_rng(2)
    level = rng.normal(size=200)
    values = level[np.repeat(np.arange(200), 3)] + 0.1 * rng.normal(size=600)
    (estimate,) = cluster_bootstrap(values, np.repeat(np.arange(200), 3).tolist(), draws=10_000)
    means = values.reshape(200, 3).mean(1)
    error = means.std() / np.sqrt(200)
    assert estimate.low == pytest.approx(means.mean() - 1.96 * error, abs=0.06 * error)
    assert estimate.high == pytest.approx(means.mean() + 1.96 * error, abs=0.06 * error)


def test_a_copied_cluster_member_adds_no_certainty() -> None:
    values, clusters = _clustered(np.random.default_rng(3))
    once = cluster_bootstrap(values, clusters, draws=500)
    copied = cluster_bootstrap(np.tile(values, (6, 1)), clusters * 6, draws=500)
    for a, b in zip(once, copied, strict=True):
        assert (a.low, a.high) == (pytest.approx(b.low), pytest.approx(b.high))
        assert b.n_items == 6 * a.n_items and b.n_clusters == a.n_clusters


def test_intervals_cover_the_truth_at_about_the_nominal_rate() -> None:
    covered = 0
    for repeat in range(400):
        rng = np.random.default_rng(repeat)
        code = np.repeat(np.arange(40), 4)
        values = 1.5 + rng.normal(size=40)[code] + rng.normal(size=160)
        (estimate,) = cluster_bootstrap(values, code.tolist(), draws=1000, seed=repeat)
        assert estimate.low is not None and estimate.high is not None
        covered += estimate.low <= 1.5 <= estimate.high
    assert 0.92 <= covered / 400 <= 0.98


def test_intervals_of_shuffled_labels_cover_chance() -> None:
    covered, above = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        clusters = np.repeat(np.arange(40), 2)
        x = torch.from_numpy(rng.normal(size=(80, 1, 15))).float()
        labels = control_labels((np.arange(40) % 2)[clusters], clusters, seed)
        result = probe_streams(x, labels.tolist(), clusters.tolist(), [0] * 80, penalties=(1.0,), n_folds=5, seed=seed)
        (estimate,) = cluster_bootstrap(result.correct - 0.5, clusters.tolist(), draws=1000, seed=seed)
        assert estimate.low is not None and estimate.high is not None
        covered += estimate.low <= 0 <= estimate.high
        above += estimate.low > 0
    assert covered >= 50 and above <= 5


def test_fewer_than_eight_clusters_have_points_and_no_interval() -> None:
    values = np.arange(14, dtype=float)
    (seven,) = cluster_bootstrap(values, [i % 7 for i in range(14)], draws=200)
    (eight,) = cluster_bootstrap(values, [i % 8 for i in range(14)], draws=200)
    assert seven.value == 6.5 and seven.low is None and seven.high is None
    assert "fewer than 8" in seven.method and seven.n_clusters == 7
    assert eight.low is not None and eight.high is not None and eight.low < 6.5 < eight.high


def test_clusters_are_counted_layer_by_layer() -> None:
    values = np.random.default_rng(0).normal(size=(10, 3))
    values[3:, 1] = np.nan
    values[:, 2] = np.nan
    full, few, none = cluster_bootstrap(values, list(range(10)), draws=200)
    assert full.low is not None and full.n_clusters == 10
    assert few.low is None and few.n_clusters == 3 and few.value == pytest.approx(values[:3, 1].mean())
    assert none.low is None and none.n_items == 0 and np.isnan(none.value)


def test_layers_share_their_draws() -> None:
    values, clusters = _clustered(np.random.default_rng(4))
    shifted = np.stack([values[:, 0], values[:, 0] + 2, -values[:, 0]], axis=1)
    plain, up, down = cluster_bootstrap(shifted, clusters, draws=400, level=0.9)
    assert plain.low is not None and plain.high is not None
    assert (up.low, up.high) == (pytest.approx(plain.low + 2), pytest.approx(plain.high + 2))
    assert (down.low, down.high) == (pytest.approx(-plain.high), pytest.approx(-plain.low))


def test_the_seed_alone_decides_the_interval() -> None:
    values, clusters = _clustered(np.random.default_rng(7))
    assert cluster_bootstrap(values, clusters, draws=300, seed=1) == cluster_bootstrap(
        values, clusters, draws=300, seed=1
    )
    assert cluster_bootstrap(values, clusters, draws=300, seed=1) != cluster_bootstrap(
        values, clusters, draws=300, seed=2
    )


def test_a_wider_level_holds_the_narrower() -> None:
    values, clusters = _clustered(np.random.default_rng(8))
    narrow, wide = (cluster_bootstrap(values, clusters, draws=500, level=v)[0] for v in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_ratio_is_redone_in_every_draw() -> None:
    rng = np.random.default_rng(9)
    top, bottom = rng.random((30, 1)), 1 + rng.random((30, 1))
    clusters = [i % 10 for i in range(30)]
    (estimate,) = cluster_bootstrap_ratio(top, bottom, clusters, draws=400, seed=3)
    weights = np.concatenate(list(multinomial_weights(10, 400, 3)))
    sums = [np.array([t[np.arange(30) % 10 == c].sum() for c in range(10)]) for t in (top, bottom)]
    ratios = (weights @ sums[0]) / (weights @ sums[1])
    assert estimate.value == pytest.approx(top.sum() / bottom.sum())
    assert (estimate.low, estimate.high) == tuple(pytest.approx(q) for q in np.quantile(ratios, (0.025, 0.975)))


def test_a_draw_without_any_item_is_excluded() -> None:
    values = np.full((9, 1), np.nan)
    values[:8] = 3.0
    drawn = bootstrap_ratios(np.array([[0.0]] * 8 + [[6.0]]), np.array([[0.0]] * 8 + [[2.0]]), draws=500, seed=0)
    missing = np.isnan(drawn[:, 0])
    assert 0.2 < missing.mean() < 0.5 and (drawn[~missing] == 3).all()
    (estimate,) = cluster_bootstrap(values, list(range(9)), draws=500)
    assert (estimate.value, estimate.low, estimate.high, estimate.n_clusters) == (3, 3, 3, 8)


def test_sums_are_by_cluster_in_order_of_first_appearance() -> None:
    code = cluster_codes(["b", "a", "b", "c"])
    assert code.tolist() == [0, 1, 0, 2]
    assert per_cluster(np.array([[1.0], [2.0], [4.0], [8.0]]), code).tolist() == [[5.0], [2.0], [8.0]]


def test_values_without_clusters_and_no_values_at_all_are_refused() -> None:
    with pytest.raises(StrataError, match="3 values for 2 clusters") as error:
        cluster_bootstrap(np.zeros(3), ["a", "b"])
    assert error.value.remedy
    with pytest.raises(StrataError, match="No items") as error:
        cluster_bootstrap(np.zeros((0, 2)), [])
    assert error.value.remedy
