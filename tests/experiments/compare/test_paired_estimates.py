"""Paired differences against means worked out one item at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from strata.experiments.compare.paired_estimates import paired
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.roles import CHANGES, ROLES
from strata.probes.statistics.bootstrap import Estimate

CLUSTERS = [f"entity {number % 10}" for number in range(20)]


def values(seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, 20)


def known(estimates: Contrasted, name: Any) -> Estimated:
    estimate = estimates.of(name)
    assert estimate is not None
    return estimate


def width(estimate: Estimated) -> float:
    assert estimate.low is not None and estimate.high is not None
    return estimate.high - estimate.low


def test_means_and_differences_are_those_of_the_items_that_every_model_has() -> None:
    given = {"base": values(0), "distilled": values(1, 3.0), "control": values(2, 1.0)}
    given["base"][3], given["control"][7] = np.nan, np.nan
    estimates = paired(given, CLUSTERS, draws=200, seed=0)
    shared_rows = [row for row in range(20) if row not in (3, 7)]

    def mean(of: object) -> float:
        return sum(of(row) for row in shared_rows) / len(shared_rows)

    for role, column in given.items():
        assert known(estimates, role).value == pytest.approx(mean(lambda row, column=column: column[row]))
        assert known(estimates, role).n_items == 18 and known(estimates, role).n_clusters == 10
    for name, (upper, lower) in {
        "change": ("distilled", "base"), "control_change": ("control", "base"), "difference_in_differences": ("distilled", "control"),
    }.items():  # fmt: skip
        expected = mean(lambda row, upper=upper, lower=lower: given[upper][row] - given[lower][row])
        assert known(estimates, name).value == pytest.approx(expected)
        assert known(estimates, name).low < expected < known(estimates, name).high
    assert known(estimates, "change").excludes_zero


def test_pairing_by_item_sees_a_change_that_two_separate_means_would_not() -> None:
    """A change of .1 under a spread of 100 between entities."""
    wide, change = np.random.default_rng(0).normal(0, 100, 20), 0.1 + 0.001 * np.arange(20)
    estimates = paired({"base": wide, "distilled": wide + change}, CLUSTERS, draws=200, seed=0)
    assert 0.1 < known(estimates, "change").low < known(estimates, "change").high < 0.12
    assert known(estimates, "base").low < 0 < known(estimates, "base").high


def test_what_is_not_there_is_none() -> None:
    estimates = paired({"base": values(0), "distilled": values(1)}, CLUSTERS, draws=100, seed=0)
    assert estimates.control is estimates.control_change is estimates.difference_in_differences is None
    nothing = paired({"base": np.full(20, np.nan), "distilled": values(1)}, CLUSTERS, draws=100, seed=0)
    assert not nothing.measured and all(nothing.of(name) is None for name in (*ROLES, *CHANGES))
    without_distilled = paired({"base": values(0), "control": values(1)}, CLUSTERS, draws=100, seed=0)
    assert without_distilled.change is None and without_distilled.control_change is not None


def test_an_interval_speaks_only_when_it_is_there() -> None:
    undefined = Estimated.of(Estimate(float("nan"), None, None, 2, 2, "points only"))
    assert undefined.value is None and undefined.n_items == 2 and not undefined.excludes_zero
    for low, high, side in ((0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0)):
        estimate = Estimated(value=0.0, low=low, high=high)
        assert (estimate.side, estimate.excludes_zero) == (side, side != 0)


def test_a_share_of_right_answers_has_an_interval_where_all_or_none_are_right() -> None:
    """As the page of the model itself shows for the same answers: twelve of twelve may be four of five."""
    names = [str(number) for number in range(12)]
    estimates = paired({"base": np.ones(12), "distilled": np.zeros(12)}, names, draws=200, seed=0, shares=True)
    z2 = 1.959963984540054**2
    assert known(estimates, "base").high == pytest.approx(1) and known(estimates, "base").low == pytest.approx(
        12 / (12 + z2)
    )
    assert known(estimates, "distilled").low == pytest.approx(0) and known(
        estimates, "distilled"
    ).high == pytest.approx(z2 / (12 + z2))


@pytest.mark.parametrize(("change", "shown"), [(0.0, False), (-1.0, True), (1.0, True)])
def test_a_change_that_is_the_same_everywhere_is_as_sure_as_its_clusters_are_many(change: float, shown: bool) -> None:
    base = np.zeros(20) if change > 0 else np.ones(20)
    changes = {
        n: paired(
            {"base": base[:n], "distilled": base[:n] + change},
            [str(i) for i in range(n)],
            draws=200,
            seed=0,
            shares=True,
        ).change
        for n in (8, 20)
    }
    for n, estimate in changes.items():
        others = 1 - 0.025 ** (1 / n)
        assert (estimate.low, estimate.high) == pytest.approx(
            (change * (1 - others) - others, change * (1 - others) + others)
        )
        assert estimate.excludes_zero is shown and estimate.low <= change + 1e-12 and estimate.high >= change - 1e-12
    assert width(changes[20]) < width(changes[8])


def test_a_number_that_is_the_same_in_both_models_has_an_interval_of_nothing() -> None:
    base = np.random.default_rng(0).normal(0, 1, 20)
    estimate = paired({"base": base, "distilled": base}, CLUSTERS, draws=200, seed=0).change
    assert estimate is not None and not estimate.excludes_zero
    assert estimate.value == estimate.low == estimate.high == 0
