"""Roles and places from effects and slopes that are given: the first locus that codes makes, in processing order."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.statistics.family_samples import difference, mean_of_families
from strata.experiments.statistics.few_cluster_correction import stretch
from strata.experiments.statistics.holm import holm
from strata.experiments.statistics.place_mixtures import (
    Mixture,
    drawn_depths,
    labels_permuted_p,
    probability_below,
)
from strata.experiments.statistics.places import (
    CellEvidence,
    PlaceDraws,
    cell_loci,
    interval_of,
    loci_in_turn,
    place_draws,
)
from strata.experiments.statistics.window_effects import WindowEffects
from strata.probes.interventions.cells import CELLS, Cell

WINDOWS = tuple((first, last) for first in range(8) for last in range(first, 8))


def evidence(cell: Cell, blocks: dict[int, float], *, copies: bool = False, draws: int = 3) -> CellEvidence:
    """A cell in which each of `blocks` (block: slope of what it adds) does all, or each its share of it."""
    effects = []
    slopes = []
    for first, last in WINDOWS:
        held = [block for block in blocks if first <= block <= last]
        effects.append(float(bool(held)) if copies else len(held) / len(blocks))
        slopes.append(max((blocks[block] for block in held), default=0.0))
    shift = np.array([effects, effects])
    of = WindowEffects(8, WINDOWS, shift, shift, np.ones(2), np.array([0, 1]))
    table = np.repeat([slopes], draws, axis=0)
    return CellEvidence(cell, of, np.repeat(of.effects(), draws, axis=0), table, np.full(len(WINDOWS), 0.002))


def place(*cells: CellEvidence, threshold: float = 0.1) -> tuple[str | None, int, int]:
    draws = place_draws(cells, threshold)
    return (None if draws.cell[0] < 0 else CELLS[draws.cell[0]], int(draws.first[0]), int(draws.last[0]))


def test_the_first_locus_that_codes_makes_whatever_the_cells_order() -> None:
    lookup, mover, relay = evidence("enrich", {3: 0.9}), evidence("move", {5: 0.8}), evidence("work_out", {7: 0.7})
    assert place(lookup, mover, relay) == place(relay, mover, lookup) == ("enrich", 3, 3)
    recoding = evidence("enrich", {1: 0.0, 4: 0.9}, copies=True)
    assert place(recoding, mover) == ("enrich", 4, 4)
    assert place(evidence("move", {5: 0.01}), relay) == ("work_out", 7, 7)
    assert place(evidence("move", {5: 0.01})) == (None, -1, -1)


def test_attention_comes_before_the_mlp_of_its_block() -> None:
    assert place(evidence("work_out", {5: 0.9}), evidence("move", {5: 0.9})) == ("move", 5, 5)


def test_a_split_is_one_place_and_a_copy_relays() -> None:
    split = evidence("enrich", {2: 0.9, 5: 0.9})
    assert place(split) == ("enrich", 2, 5)
    copies = evidence("enrich", {2: 0.9, 5: 0.9}, copies=True)
    assert place(copies) == ("enrich", 2, 2)
    in_turn = loci_in_turn(cell_loci([copies], 0.1), 0)
    assert [(locus.carrying, codes) for locus, codes in in_turn] == [((2,), True), ((5,), True)]


@pytest.mark.parametrize("sign", [-1.0, 0.0])
def test_a_cell_that_brings_nothing_or_works_against_the_answer_has_no_locus(sign: float) -> None:
    """Noise or few digits turn the sign of a whole cell in some draws: its blocks then carry less than nothing."""
    lookup, mover = evidence("enrich", {3: 0.9}), evidence("move", {5: 0.8})
    against = CellEvidence("enrich", lookup.effects, sign * lookup.values, lookup.slopes, lookup.p)
    assert loci_in_turn(cell_loci([against], 0.1), 0) == [] and place(against) == (None, -1, -1)
    assert place(against, mover) == ("move", 5, 5)


def test_the_threshold_decides_what_codes() -> None:
    half, whole = evidence("enrich", {2: 0.07}), evidence("move", {5: 0.5})
    assert place(half, whole) == ("move", 5, 5) and place(half, whole, threshold=0.05) == ("enrich", 2, 2)


def test_an_interval_is_of_the_draws_in_which_the_cell_makes() -> None:
    enrich, move = CELLS.index("enrich"), CELLS.index("move")
    draws = PlaceDraws(
        np.array([enrich] * 95 + [move] * 5),
        np.array([3] * 90 + [2] * 5 + [9] * 5),
        np.array([4] * 90 + [6] * 5 + [9] * 5),
    )
    assert interval_of(draws, "enrich", 3, 4, level=0.95, stretch=1.0) == (2, 6)
    assert interval_of(draws, "enrich", 3, 4, level=0.95, stretch=1.5) == (2, 7)


def mixture(*places: tuple[str, int, int]) -> Mixture:
    return Mixture(
        tuple(
            PlaceDraws(np.full(50, CELLS.index(cell)), np.full(50, first), np.full(50, last))
            for cell, first, last in places
        )
    )


def test_the_probability_counts_blocks_and_attention_before_the_mlp() -> None:
    below, above = mixture(("enrich", 2, 3)), mixture(("work_out", 5, 6))
    assert probability_below(below, above, seed=0) == 1 and probability_below(above, below, seed=0) == 0
    assert probability_below(mixture(("move", 5, 5)), mixture(("work_out", 5, 5)), seed=0) == 1
    assert probability_below(below, below, seed=0) == pytest.approx(0.5, abs=0.02)
    half = mixture(("enrich", 2, 2), ("enrich", 7, 7))
    assert probability_below(half, mixture(("work_out", 4, 4)), seed=0) == pytest.approx(0.5, abs=0.02)


def test_depths_are_of_the_middle_and_families_are_resampled() -> None:
    families = mixture(("enrich", 1, 3), ("enrich", 5, 5), ("enrich", 5, 5))
    fixed = drawn_depths(families, 8, 400, seed=0, resample=False)
    assert np.ptp(fixed) == 0 and fixed[0] == pytest.approx((2.5 + 5.5 + 5.5) / 3 / 8)
    resampled = drawn_depths(families, 8, 4_000, seed=0, resample=True)
    assert resampled.mean() == pytest.approx(fixed[0], abs=0.01)
    assert resampled.min() == pytest.approx(fixed[0] - stretch(3) * (fixed[0] - 2.5 / 8))


def test_labels_of_four_families_a_kind_can_be_permuted() -> None:
    assert labels_permuted_p([0.1, 0.2, 0.3, 0.2], [0.7, 0.8, 0.9, 0.8], seed=0) == pytest.approx(2 / 70)
    assert labels_permuted_p([0.1, 0.9, 0.3, 0.8], [0.2, 0.8, 0.4, 0.7], seed=0) == pytest.approx(1, abs=0.3)
    assert labels_permuted_p([0.1] * 3, [0.9] * 6, seed=0) is None


def test_families_are_the_units_from_three_on() -> None:
    tables = [np.array([value] * 101) for value in (0.0, 0.5, 1.0)]
    three, two = mean_of_families(tables, seed=0), mean_of_families(tables[:2], seed=0)
    assert three.value == 0.5 and np.ptp(three.draws) > 0.5
    assert two.value == 0.25 and np.ptp(two.draws) == 0
    apart = difference(three, two)
    assert apart.value == 0.25 and apart.two_sided_p > 0.05
    assert difference(mean_of_families(tables[2:], seed=0), two).two_sided_p == pytest.approx(2 / 101)


@pytest.mark.parametrize("n_families", [3, 4, 6])
def test_the_interval_of_a_mean_over_few_families_covers_it(n_families: int) -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        seen = rng.normal(0.4, 0.15, n_families) + rng.normal(0, 0.05, n_families)
        low, high = mean_of_families([value + rng.normal(0, 0.05, 300) for value in seen], seed=seed).interval()
        covered += low <= 0.4 <= high
    assert 0.93 <= covered / 300 <= 0.99


def test_draws_of_few_families_by_the_same_numbers_are_taken_as_independent() -> None:
    """Families of as many clusters are resampled from one seed: draw by draw their errors aren't one error."""
    drawn = np.concatenate([[0.5], 0.5 + np.random.default_rng(0).normal(scale=0.1, size=4_000)])
    both = mean_of_families([drawn, drawn], seed=0)
    assert both.draws.std() == pytest.approx(0.1 / 2**0.5, rel=0.05)
    apart = difference(mean_of_families([drawn], seed=0), mean_of_families([drawn], seed=1))
    assert apart.draws.std() == pytest.approx(0.1 * 2**0.5, rel=0.05)


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9]) == [0.9] and holm([]) == []
