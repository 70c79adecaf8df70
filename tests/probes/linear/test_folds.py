"""Folds keep what they promise apart, test every item once, and come from the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.probes.errors import StrataError
from strata.probes.linear import Scheme, assign_folds
from strata.probes.linear.folds import groups_of, splits_of
from strata.probes.statistics.bootstrap import cluster_codes


@st.composite
def grouped_items(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Labels, clusters, templates, number of folds (no more than either kind of group), seed."""
    n_folds = draw(st.integers(2, 5))
    n = draw(st.integers(n_folds, 60))

    def codes(at_least: int) -> np.ndarray:
        few = draw(st.integers(at_least, max(at_least, n // 2)))
        free = draw(st.lists(st.integers(0, few - 1), min_size=n - at_least, max_size=n - at_least))
        return np.array([*range(at_least), *free], dtype=np.int64)

    return codes(1), codes(n_folds), codes(n_folds), n_folds, draw(st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("scheme", ["cluster", "template", "random"])
@given(case=grouped_items())
@settings(max_examples=60, deadline=None)
def test_no_group_is_in_two_folds_and_every_item_is_tested_once(
    scheme: Scheme, case: tuple[np.ndarray, np.ndarray, np.ndarray, int, int]
) -> None:
    labels, clusters, templates, n_folds, seed = case
    folds = assign_folds(labels, groups_of(scheme, clusters, templates), n_folds, seed)
    splits = splits_of(folds)
    assert len(splits) == n_folds
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested.tolist()) == list(range(len(labels)))
    kept_apart = {"cluster": clusters, "template": templates, "random": np.arange(len(labels))}[scheme]
    for train, test in splits:
        assert len(test) and len(train)
        assert sorted([*train.tolist(), *test.tolist()]) == list(range(len(labels)))
        assert not set(kept_apart[train].tolist()) & set(kept_apart[test].tolist())


@given(case=grouped_items())
@settings(max_examples=40, deadline=None)
def test_folds_are_a_function_of_the_seed(case: tuple[np.ndarray, np.ndarray, np.ndarray, int, int]) -> None:
    labels, clusters, _, n_folds, seed = case
    once = assign_folds(labels, clusters, n_folds, seed)
    assert np.array_equal(once, assign_folds(labels.copy(), clusters.copy(), n_folds, seed))


@given(case=grouped_items(), shift=st.integers(1, 1000))
@settings(max_examples=40, deadline=None)
def test_names_of_groups_and_labels_do_not_matter_if_their_order_stays(
    case: tuple[np.ndarray, np.ndarray, np.ndarray, int, int], shift: int
) -> None:
    labels, clusters, _, n_folds, seed = case
    once = assign_folds(labels, clusters, n_folds, seed)
    assert np.array_equal(once, assign_folds(labels * 3 + shift, clusters * 7 + shift, n_folds, seed))


def test_another_seed_gives_other_folds() -> None:
    groups, labels = np.repeat(np.arange(20), 2), np.repeat(np.arange(20) % 2, 2)
    distinct = {tuple(assign_folds(labels, groups, 5, seed).tolist()) for seed in range(6)}
    assert len(distinct) == 6


def test_labels_are_spread_evenly_when_the_groups_allow_it() -> None:
    groups = np.repeat(np.arange(40), 3)
    labels = (np.arange(40) % 4)[groups]
    for seed in range(5):
        folds = assign_folds(labels, groups, 5, seed)
        table = np.zeros((5, 4), dtype=int)
        np.add.at(table, (folds, labels), 1)
        assert np.all(table == 6)


def test_fewer_groups_than_folds_is_an_error_with_a_remedy() -> None:
    with pytest.raises(StrataError, match="at least 5 groups, and these items have 4") as error:
        assign_folds(np.zeros(8, dtype=int), np.arange(8) % 4, 5, 0)
    assert "fewer folds" in error.value.remedy


def test_an_unknown_scheme_is_an_error_that_names_the_schemes() -> None:
    with pytest.raises(StrataError, match="'entity'") as error:
        groups_of("entity", np.arange(4), np.arange(4))
    assert "cluster, template or random" in error.value.remedy


def test_codes_follow_the_order_of_first_appearance() -> None:
    assert cluster_codes(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
