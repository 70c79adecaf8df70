"""Did the place of a kind move? On made-up places, whose depths are known before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from strata.experiments.compare.location_change import Depths, location_change, moved, not_moved, place_depths
from strata.experiments.items.schema import KINDS
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.families import FamilyResult, Place
from strata.experiments.results.locate_tables import PLACES

N_LAYERS, DRAWS = 20, 400
BOTH = {"base": True, "distilled": True}


def places_at(*blocks: int, kind: str = "knowledge", spread: float = 0.0, seed: int = 0) -> Depths:
    """A family a block, drawn around it by `spread` blocks."""
    rng = np.random.default_rng(seed)
    return {
        (kind, f"family {number}"): (block + 0.5 + np.array([0.0, *(spread * rng.normal(size=DRAWS))])) / N_LAYERS
        for number, block in enumerate(blocks)
    }


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(5, 12, "deeper"), (12, 5, "shallower"), (8, 8, "unchanged"), (8, 10, "deeper")],
)
@pytest.mark.parametrize("families", [1, 4])
def test_a_moved_place_is_told_with_its_sign_and_size(before: int, after: int, verdict: str, families: int) -> None:
    change = location_change(
        places_at(*[before] * families, spread=0.2), places_at(*[after] * families, spread=0.2, seed=1), BOTH, "knowledge", seed=0
    )  # fmt: skip
    assert (change.verdict, change.families, change.why) == (verdict, families, None)
    assert change.difference == pytest.approx((after - before) / N_LAYERS)
    assert change.interval is not None and change.p is not None
    low, high = change.interval
    assert low < (after - before) / N_LAYERS < high and high - low < 0.08
    assert (change.p < 0.05) is (verdict != "unchanged")


def test_families_apart_from_each_other_do_not_widen_a_change_that_all_of_them_share() -> None:
    """The same families are drawn on both sides: where they stand is in neither interval."""
    change = location_change(
        places_at(2, 6, 10, 14, spread=0.2), places_at(5, 9, 13, 17, spread=0.2, seed=1), BOTH, "knowledge", seed=0
    )
    assert change.verdict == "deeper"
    assert change.interval == pytest.approx([3 / N_LAYERS] * 2, abs=0.03)


def test_a_wide_interval_around_nothing_is_no_finding() -> None:
    change = location_change(
        places_at(8, 9, 10, spread=4), places_at(8, 9, 10, spread=4, seed=1), BOTH, "knowledge", seed=0
    )
    assert change.verdict == "undetermined" and change.why == WhyNotMoved(code="interval-open", bound=0.05)


def test_only_families_placed_in_both_models_count() -> None:
    before, after = places_at(4, 4, 18), dict(places_at(9, 9, 2))
    del after["knowledge", "family 2"]
    change = location_change(before, after, BOTH, "knowledge", seed=0)
    assert change.families == 2 and change.difference == pytest.approx(5 / N_LAYERS)
    nowhere = location_change(before, {}, BOTH, "knowledge", seed=0)
    assert (nowhere.verdict, nowhere.difference, nowhere.families) == ("undetermined", None, 0)
    assert nowhere.why == WhyNotMoved(code="no-shared-family")


def test_nothing_is_said_where_one_model_has_no_location() -> None:
    change = location_change(places_at(4), places_at(14), {"base": True, "distilled": False}, "knowledge", seed=0)
    assert change.verdict == "undetermined" and change.why == WhyNotMoved(code="not-located", models=("distilled",))
    assert change.difference == pytest.approx(0.5)


def test_every_kind_is_told_from_its_own_families_and_locations() -> None:
    before = {**places_at(4, 5), **places_at(12, 12, kind="reasoning")}
    after = {**places_at(4, 5), **places_at(15, 15, kind="reasoning")}
    located = {"base": ["knowledge", "reasoning"], "distilled": ["reasoning"]}
    changes, absent = moved(before, after, located, seed=0), WhyNotMoved(code="not-comparable")
    assert set(changes) == set(KINDS) == set(not_moved(absent))
    assert changes["reasoning"].verdict == "deeper"
    assert changes["knowledge"].why == WhyNotMoved(code="not-located", models=("distilled",))
    assert changes["composite"].why == WhyNotMoved(code="no-shared-family")
    assert all(change.why == absent and change.verdict == "undetermined" for change in not_moved(absent).values())


def family(kind: Any, depth: float | None) -> FamilyResult:
    place = (
        None
        if depth is None
        else Place(cell="enrich", first=0, last=0, interval=(0, 0), extent="blocks", depth=depth, support=1.0)
    )
    return FamilyResult(kind=kind, pairs=0, entities=0, answers=0, offered=0, answered_both=None, place=place)


def test_depths_are_read_from_a_run_family_by_family() -> None:
    """Two kinds have a family of one name; draws by the lenient threshold, and families without a place, are not read."""

    def row(kind: str, family: str, threshold: float, first: int, last: int) -> dict[str, Any]:
        return {
            "kind": kind, "family": family, "threshold": threshold, "draw": 0, "cell": "enrich", "first": first, "last": last,
        }  # fmt: skip

    rows = [
        row("knowledge", "sum", 0.1, 3, 4), row("knowledge", "sum", 0.1, 3, 3), row("knowledge", "sum", 0.05, 9, 9),
        row("reasoning", "sum", 0.1, 7, 7), row("reasoning", "none", 0.1, 7, 7), row("reasoning", "reasoning chains", 0.1, 5, 5),
    ]  # fmt: skip
    table: pa.Table = PLACES.of_rows(rows)
    families = {
        "knowledge sum": family("knowledge", 0.4), "reasoning sum": family("reasoning", 0.75), "none": family("reasoning", None),
        "undrawn": family("reasoning", 0.5), "reasoning chains": family("reasoning", 0.55),
    }  # fmt: skip
    depths = place_depths(families, table, 10)
    assert {name: values.tolist() for name, values in depths.items()} == {
        ("knowledge", "sum"): [0.4, 0.4, 0.35], ("reasoning", "sum"): [0.75, 0.75],
        ("reasoning", "reasoning chains"): [0.55, 0.55],
    }  # fmt: skip
