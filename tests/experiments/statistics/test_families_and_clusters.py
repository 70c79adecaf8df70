"""An interval over families and their clusters holds as often as it says, where families differ."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.statistics.families_and_clusters import (
    family_and_cluster_bootstrap,
    family_and_cluster_bootstrap_ratio,
)
from strata.probes.statistics.bootstrap import cluster_bootstrap


def drawn(
    rng: np.random.Generator, families: int, clusters: int, between: float
) -> tuple[np.ndarray, list[str], list[str]]:
    """Values of one item a cluster whose families have means of their own around 0."""
    means = rng.normal(0, between, families)
    values = np.concatenate([mean + rng.normal(0, 1, clusters) for mean in means])
    names = [f"{family}.{cluster}" for family in range(families) for cluster in range(clusters)]
    return values[:, None], names, [name.split(".")[0] for name in names]


@pytest.mark.parametrize("families", [4, 14])
def test_the_interval_covers_the_mean_of_all_families_that_might_have_been_asked(families: int) -> None:
    rng = np.random.default_rng(0)
    inside, of_clusters_alone = [], []
    for seed in range(200):
        values, clusters, of_family = drawn(rng, families, 5, between=0.6)
        (estimate,) = family_and_cluster_bootstrap(values, clusters, of_family, draws=300, seed=seed)
        (narrow,) = cluster_bootstrap(values, clusters, draws=300, seed=seed)
        for ends, kept in ((estimate, inside), (narrow, of_clusters_alone)):
            assert ends.low is not None and ends.high is not None
            kept.append(ends.low <= 0 <= ends.high)
    assert np.mean(inside) >= 0.90 and np.mean(of_clusters_alone) < 0.88


def test_values_of_several_columns_are_drawn_together_and_the_mean_is_that_of_the_items() -> None:
    values, clusters, families = drawn(np.random.default_rng(1), 6, 4, 1.0)
    both = np.concatenate([values, values + 1], axis=1)
    first, second = family_and_cluster_bootstrap(both, clusters, families, draws=200, seed=0)
    assert first.value == pytest.approx(values.mean()) and second.value == pytest.approx(first.value + 1)
    assert first.low is not None and second.low == pytest.approx(first.low + 1)
    assert (first.n_items, first.n_clusters) == (24, 24)


def test_of_two_families_it_speaks_of_these_only_and_of_few_clusters_not_at_all() -> None:
    values, clusters, families = drawn(np.random.default_rng(2), 2, 6, 5.0)
    (two,) = family_and_cluster_bootstrap(values, clusters, families, draws=200, seed=0)
    assert "these 2 families" in two.method and two.low is not None and two.high is not None
    assert two.high - two.low < 3, "families far apart don't widen it"
    (few,) = family_and_cluster_bootstrap(values[:6], clusters[:6], families[:6], draws=200, seed=0)
    assert few.low is None and "fewer than 8" in few.method


def test_a_share_of_sums_is_the_same_in_every_draw_where_every_family_has_it() -> None:
    whole, clusters, families = drawn(np.random.default_rng(3), 6, 4, 1.0)
    whole = np.abs(whole)
    (share,) = family_and_cluster_bootstrap_ratio(0.4 * whole, whole, clusters, families, draws=200, seed=0)
    assert (share.value, share.low, share.high) == pytest.approx((0.4, 0.4, 0.4))


def test_a_share_that_families_differ_in_is_as_wide_as_they_differ() -> None:
    rng = np.random.default_rng(4)
    whole, clusters, families = drawn(rng, 10, 5, 0.0)
    whole = np.abs(whole)
    of_family = dict(zip(sorted(set(families)), rng.uniform(0, 1, 10), strict=True))
    part = whole * np.array([[of_family[family]] for family in families])
    (wide,) = family_and_cluster_bootstrap_ratio(part, whole, clusters, families, draws=500, seed=0)
    (narrow,) = family_and_cluster_bootstrap_ratio(part, whole, clusters, ["one"] * len(clusters), draws=500, seed=0)
    assert wide.value == narrow.value == pytest.approx(float(part.sum() / whole.sum()))
    assert wide.low is not None and wide.high is not None and narrow.low is not None and narrow.high is not None
    assert wide.high - wide.low > 1.2 * (narrow.high - narrow.low)


def test_a_share_of_nothing_has_no_value_and_no_interval() -> None:
    nothing = np.zeros((12, 1))
    clusters = [str(row) for row in range(12)]
    (share,) = family_and_cluster_bootstrap_ratio(nothing, nothing, clusters, ["one"] * 12, draws=50, seed=0)
    assert not np.isfinite(share.value) and (share.low, share.high) == (None, None)


def test_a_draw_in_which_nothing_changes_is_in_no_percentile() -> None:
    whole = np.zeros((12, 1))
    whole[0] = 1.0
    clusters = [str(row) for row in range(12)]
    (share,) = family_and_cluster_bootstrap_ratio(whole / 2, whole, clusters, ["one"] * 12, draws=200, seed=0)
    assert (share.value, share.low, share.high) == (0.5, 0.5, 0.5)
