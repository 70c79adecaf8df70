"""Effects of clusters: the loop one would write by hand, and items without a value."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.statistics import cluster_profiles
from strata.probes.errors import StrataError


def test_a_cluster_is_the_ratio_of_the_sums_of_its_items() -> None:
    rng = np.random.default_rng(0)
    numerators, denominators = rng.normal(size=(40, 5)), rng.uniform(0.5, 2, size=40)
    names = [f"entity {rng.integers(6)}" for _ in range(40)]
    profiles = cluster_profiles(numerators, denominators, names)
    for row, name in enumerate(dict.fromkeys(names)):
        members = [i for i, other in enumerate(names) if other == name]
        np.testing.assert_allclose(
            profiles[row], sum(numerators[i] for i in members) / sum(denominators[i] for i in members)
        )


@pytest.mark.parametrize(("numerator", "denominator"), [(1.0, np.nan), (1.0, 0.0), (np.nan, 1.0)])
def test_an_item_without_a_ratio_is_excluded(numerator: float, denominator: float) -> None:
    profiles = cluster_profiles(np.array([[1.0, 3], [numerator, 5]]), np.array([2.0, denominator]), ["a", "a"])
    np.testing.assert_array_equal(profiles, [[0.5, 1.5]])


def test_a_cluster_of_which_nothing_is_left_is_nan_and_keeps_its_row() -> None:
    profiles = cluster_profiles(np.ones((3, 2)), np.array([np.nan, 2.0, 4.0]), ["a", "b", "b"])
    np.testing.assert_array_equal(profiles, [[np.nan, np.nan], [1 / 3, 1 / 3]])


def test_numbers_that_do_not_match_are_refused() -> None:
    with pytest.raises(StrataError, match="2 numerators, 1 denominators"):
        cluster_profiles(np.ones((2, 1)), np.ones(1), ["a", "b"])
    with pytest.raises(StrataError, match="No items"):
        cluster_profiles(np.ones((0, 1)), np.ones(0), [])
