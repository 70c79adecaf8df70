"""Did the place of a family, and of a kind, move? On made-up places, whose blocks are known before and after."""

from __future__ import annotations

import numpy as np
import pytest

from strata.experiments.compare.cells.claims import moved_places
from strata.experiments.compare.cells.place_changes import PlaceChange, location_change, location_changes, place_change
from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.family_decision import FamilyAnalysis, FamilyPairs
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.families import FamilyResult, Place
from strata.experiments.statistics.answer_coding import CODES
from strata.experiments.statistics.places import PlaceDraws
from strata.probes.interventions.cells import CELLS, Cell

N_LAYERS, DRAWS = 20, 400
BOTH = {"base": True, "distilled": True}


def place(cell: Cell, first: int, last: int) -> Place:
    depth = ((first + last) / 2 + 0.5) / N_LAYERS
    return Place(cell=cell, first=first, last=last, interval=(first, last), extent="blocks", depth=depth, support=1.0)


def analysis(cell: Cell, block: int, *, spread: float = 0.0, seed: int = 0, nowhere: float = 0.0) -> FamilyAnalysis:
    """Placed at a block, drawn around it by `spread` blocks, and nowhere in a share of the draws."""
    rng = np.random.default_rng(seed)
    at = np.round(block + spread * rng.normal(size=DRAWS)).astype(int)
    cells = np.where(rng.random(DRAWS) < nowhere, -1, CELLS.index(cell))
    result = FamilyResult(
        kind="knowledge",
        pairs=12,
        entities=12,
        answers=6,
        offered=12,
        answered_both=1.0,
        place=place(cell, block, block),
    )
    pairs = FamilyPairs("capital", "knowledge", (), (), (), None, True, 12, 1.0)
    return FamilyAnalysis(pairs, result, True, {CODES: PlaceDraws(cells, at, at)}, {})


def change(before: int, after: int, *, cell: Cell = "enrich", spread: float = 0.0, seed: int = 1) -> PlaceChange:
    made = place_change(analysis("enrich", before, spread=spread), analysis(cell, after, spread=spread, seed=seed))
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("after", "cell", "moved"), [(12, "enrich", True), (5, "enrich", False), (5, "work_out", True)]
)
def test_a_family_is_answered_elsewhere_where_its_places_share_no_block_of_a_cell(
    after: int, cell: Cell, moved: bool
) -> None:
    made = change(5, after, cell=cell, spread=0.2)
    assert made.shift.value == after - 5
    assert (made.overlap < 0.05) is moved and (made.p < 0.01) is moved
    told = moved_places({("knowledge", "capital"): made}, {("knowledge", "capital"): "subject"})
    assert [(one.before.first, one.after.first, one.after.cell) for one in told] == (
        [(5, after, cell)] if moved else []
    )


def test_draws_that_place_one_of_the_two_nowhere_speak_for_no_move() -> None:
    made = place_change(analysis("enrich", 5), analysis("enrich", 12, nowhere=0.2))
    assert made is not None and 0.1 < made.overlap < 0.3 and made.p > 0.1
    assert moved_places({("knowledge", "capital"): made}, {("knowledge", "capital"): None}) == ()


def test_what_is_tested_in_many_families_needs_more() -> None:
    """Holm: of forty families alike a p of one in 401 is too large."""
    many = {("knowledge", f"family {number}"): change(5, 12) for number in range(40)}
    assert moved_places(many, dict.fromkeys(many)) == ()
    few = dict(list(many.items())[:5])
    assert len(moved_places(few, dict.fromkeys(few))) == 5


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(5, 12, "deeper"), (12, 5, "shallower"), (8, 8, "unchanged"), (8, 10, "deeper")],
)
@pytest.mark.parametrize("families", [1, 4])
def test_a_moved_kind_is_told_with_its_sign_and_size(before: int, after: int, verdict: str, families: int) -> None:
    moved = location_change([change(before, after, spread=0.2)] * families, BOTH, N_LAYERS, seed=0)
    assert (moved.verdict, moved.families, moved.why) == (verdict, families, None)
    assert moved.difference == pytest.approx((after - before) / N_LAYERS)
    assert moved.interval is not None and moved.p is not None
    low, high = moved.interval
    assert low <= (after - before) / N_LAYERS <= high and high - low < 0.15
    assert (moved.p < 0.05) is (verdict != "unchanged")


def test_families_apart_from_each_other_do_not_widen_a_change_that_all_of_them_share() -> None:
    moved = location_change([change(block, block + 3) for block in (2, 6, 10, 14)], BOTH, N_LAYERS, seed=0)
    assert moved.verdict == "deeper"
    assert moved.interval == pytest.approx([3 / N_LAYERS] * 2, abs=0.03)


def test_a_wide_interval_around_nothing_is_no_finding() -> None:
    moved = location_change([change(block, block, spread=4) for block in (8, 9, 10)], BOTH, N_LAYERS, seed=0)
    assert moved.verdict == "undetermined" and moved.why == WhyNotMoved(code="interval-open", bound=0.05)


def test_nothing_is_said_where_one_model_has_no_location() -> None:
    moved = location_change([change(4, 14)], {"base": True, "distilled": False}, N_LAYERS, seed=0)
    assert moved.verdict == "undetermined" and moved.why == WhyNotMoved(code="not-located", models=("distilled",))
    assert moved.difference == pytest.approx(0.5)


def test_every_kind_is_told_from_its_own_families_and_locations() -> None:
    changes = {("knowledge", "a"): change(4, 4), ("reasoning", "b"): change(12, 15), ("reasoning", "c"): change(11, 14)}
    located = {"base": ["knowledge", "reasoning"], "distilled": ["reasoning"]}
    moved = location_changes(changes, located, N_LAYERS, seed=0)
    assert set(moved) == set(KINDS)
    assert moved["reasoning"].verdict == "deeper" and moved["reasoning"].families == 2
    assert moved["knowledge"].why == WhyNotMoved(code="not-located", models=("distilled",))
    assert moved["composite"].why == WhyNotMoved(code="no-shared-family")
