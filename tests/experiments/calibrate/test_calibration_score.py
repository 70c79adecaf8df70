"""Are places, orders, intervals, readings and claims of nulls scored as they should be? Worked out by hand."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from strata.dashboards.sentences.calibration import calibrated_sentence
from strata.experiments.calibrate.calibration_row import CalibrationRow
from strata.experiments.calibrate.record import record_of
from strata.experiments.calibrate.score import claims, score, score_family, score_order, score_place
from strata.experiments.calibrate.scored_summary import ScoredFamily, ScoredSummary
from strata.experiments.calibrate.shares import mean_error, share
from strata.experiments.calibrate.truth import FamilyTruth, Truth

ENRICH = FamilyTruth("knowledge", "enrich", (3,), "single", "single")
COPIES = FamilyTruth("knowledge", "enrich", (2, 7), "copies", "additive")
SUMS = FamilyTruth("reasoning", "work_out", (8,), "single", "in-series")
CONTROL = FamilyTruth("control", "move", (5,), "single", "single", copied=True)


def truth(order: Any = "retrieval-first", **families: FamilyTruth) -> Truth:
    return Truth("planted", "judge", "llama", 12, families, order)


def said(cell: str = "enrich", first: int = 3, last: int = 3, **more: Any) -> dict[str, Any]:
    return {"place": {"cell": cell, "first": first, "last": last, "extent": "blocks", **more}}


def family(**fields: Any) -> ScoredFamily:
    return ScoredFamily.model_validate(fields)


@pytest.mark.parametrize(
    ("family", "n_layers", "place", "verdict"),
    [
        (ENRICH, 12, ("enrich", 3, 3), "right"),
        (ENRICH, 12, ("enrich", 2, 4), "right"),
        (ENRICH, 12, ("enrich", 4, 4), "wrong"),
        (ENRICH, 12, ("enrich", 1, 3), "right"),
        (ENRICH, 12, ("enrich", 1, 5), "part"),
        (ENRICH, 20, ("enrich", 1, 5), "right"),
        (ENRICH, 12, ("move", 3, 3), "wrong"),
        (COPIES, 12, ("enrich", 2, 7), "right"),
        (COPIES, 12, ("enrich", 2, 2), "part"),
        (COPIES, 12, ("enrich", 2, 8), "right"),
        (COPIES, 12, ("enrich", 1, 9), "part"),
        (COPIES, 12, ("enrich", 8, 9), "wrong"),
    ],
)
def test_places(family: FamilyTruth, n_layers: int, place: tuple[str, int, int], verdict: str) -> None:
    assert score_place(*place, family, n_layers) == verdict


def test_a_family_without_a_place_is_silent_with_its_reason() -> None:
    result = score_family("emblem", family(place=None, why_not_placed={"code": "none codes"}), ENRICH, 12)
    assert (result.verdict, result.why_silent, result.covers) == ("silent", "none codes", None)
    assert score_family("emblem", ScoredFamily(), ENRICH, 12).verdict == "silent"


def test_intervals_cover_each_end_by_itself() -> None:
    result = score_family("emblem", family(**said(first=2, last=6, interval=[3, 9])), COPIES, 12)
    assert result.covers == (False, True) and result.interval_width == 7
    assert score_family("emblem", family(**said(cell="move", interval=[1, 9])), COPIES, 12).covers is None


def test_readings_are_those_of_the_true_cell_and_one_block_is_additive() -> None:
    for true, reading, right in ((ENRICH, "additive", True), (ENRICH, "together", False), (SUMS, "in-series", True)):
        entry = said(true.cell) | {"cells": {true.cell: {"reading": reading}, "gather": {"reading": "together"}}}
        assert score_family("any", ScoredFamily.model_validate(entry), true, 12).reading_right is right
    assert score_family("any", family(**said()), ENRICH, 12).reading_right is None


@pytest.mark.parametrize(
    ("true", "verdict", "expected"),
    [
        ("retrieval-first", "retrieval-first", "right"),
        ("retrieval-first", "undetermined", "undetermined"),
        ("retrieval-first", "reasoning-first", "wrong"),
        ("retrieval-first", "together", "wrong"),
        ("undetermined", "undetermined", "right"),
        ("undetermined", "retrieval-first", "wrong"),
        ("undetermined", "together", "wrong"),
    ],
)
def test_orders(true: str, verdict: str, expected: str) -> None:
    assert score_order(verdict, truth(true, emblem=ENRICH, plus=SUMS)) == expected


def test_kinds_that_lie_at_one_depth_may_be_called_together() -> None:
    both = truth("undetermined", emblem=COPIES, plus=FamilyTruth("reasoning", "work_out", (4,), "single", "single"))
    assert score_order("together", both) == "right"


def summary(**families: dict[str, Any]) -> dict[str, Any]:
    return {
        "families": families,
        "kinds": {"knowledge": {"located": {"layer": 3, "cell": "enrich", "extent": "blocks"}, "families": 1}, "reasoning": {"located": None, "families": 1}, "control": {"located": {"layer": 1, "cell": "move", "extent": "blocks"}}},
        "order": {"verdict": "retrieval-first", "general": False},
    }  # fmt: skip


def test_controls_and_excluded_families_are_not_scored() -> None:
    true = truth(emblem=ENRICH, plus=SUMS, emblem_stated=CONTROL)
    result = score(
        ScoredSummary.model_validate(summary(emblem=said(), plus=said("move"), emblem_stated=said("enrich"))), true
    )
    assert [(family.family, family.verdict) for family in result.families] == [("emblem", "right"), ("plus", "wrong")]
    assert result.kinds == {"knowledge": "right", "reasoning": "silent"}
    assert [family.family for family in score(ScoredSummary.model_validate(summary()), true, ["plus"]).families] == [
        "emblem"
    ]


def test_claims_of_a_null_are_counted_without_its_controls() -> None:
    found = claims(
        ScoredSummary.model_validate(
            summary(emblem=said() | {"kind": "knowledge"}, copied=said() | {"kind": "control"})
        )
    )
    assert (found.blocks, found.spread, found.kinds) == (1, 0, 2)
    assert (found.placed, found.families) == (1, 1) and found.order and not found.order_general


def rows() -> list[CalibrationRow]:
    true = truth(emblem=ENRICH, plus=SUMS)
    good = summary(
        emblem=said(interval=[3, 4], support=0.9), plus=said("work_out", 10, 10, interval=[9, 10], support=0.97)
    )
    loci = [{"codes": {"p": 0.002}}, {"codes": {"p": 0.3}}, {"codes": None}]
    null = {"families": {"emblem": {"kind": "knowledge", "loci": loci}}, "kinds": {"knowledge": {"families": 1}}}
    lines: list[dict[str, Any]] = [
        {"key": "a", "name": "planted", "null": False, "max_pairs": 48, "truth": asdict(true), "summary": good},
        {"key": "b", "name": "planted", "null": False, "max_pairs": 8, "truth": asdict(true), "summary": summary()},
        {"key": "c", "name": "random 0", "null": True, "null_kind": "random", "max_pairs": 48, "summary": good},
        {"key": "d", "name": "random 1", "null": True, "null_kind": "random", "max_pairs": 48, "error": "no pairs"},
        {"key": "e", "name": "permuted 0", "null": True, "null_kind": "permuted", "max_pairs": 48, "summary": null},
    ]
    return [CalibrationRow.model_validate(line) for line in lines]


def test_a_record_adds_up_over_rows() -> None:
    record = record_of(rows(), version="0")
    (half,) = record.halves
    # Of 12 blocks: 10 instead of 8 is two blocks off and no longer right.
    assert (half.half, half.places.right, half.places.wrong) == ("judge", 1, 1)
    assert (half.places.error_blocks.mean, half.places.error_depth.mean) == (1.0, pytest.approx(1 / 12))
    assert (half.places.within_one.part, half.places.within_one.of, half.places.within_one.models) == (1, 2, 1)
    assert (half.places.coverage.part, half.places.coverage.of) == (3, 4)
    assert half.orders is not None and half.orders.right.part == 1 and half.orders.claimed.of == 0
    assert [(part.name, part.places.families) for part in record.cells] == [("enrich", 1), ("work_out", 1)]
    assert [(part.name, part.places.families) for part in record.variants] == [("plain", 2)]
    assert [(part.name, part.places.families) for part in record.origins] == [("written", 2)]
    assert record.failed == {"random 1": "no pairs"}
    assert [(one.kind, one.runs, one.failed, one.orders.part) for one in record.nulls] == [
        ("random", 2, 1, 1),
        ("permuted", 1, 0, 0),
        ("all-but-unequal", 3, 1, 1),
    ]
    assert [(one.cell, one.pairs, one.places.silent) for one in record.power if one.cell == "all"] == [
        ("all", 8, 2),
        ("all", 48, 0),
    ]
    assert record_of([], version="0").halves == ()


def test_what_is_published_is_held_against_what_is_true() -> None:
    points = record_of(rows(), version="0").reliability
    supports = [(one.published, one.observed.part, one.observed.of) for one in points if one.what == "support"]
    assert supports == [(0.9, 1, 1), (0.97, 0, 1)]
    assert [(one.observed.part, one.observed.of) for one in points if one.what == "interval"] == [(3, 4)]
    assert [one.observed.part for one in points if one.what == "coding p"] == [1, 1, 1, 1, 2]


def test_the_sentence_tells_plants_in_a_real_model_apart() -> None:
    trained = [
        row.model_copy(update={"truth": replace(row.truth, origin="trained")})
        for row in rows()
        if row.truth is not None
    ]
    told = calibrated_sentence(record_of(trained, version="0"))
    assert "within one block in 50%" in told and "2 of 2 families were placed, 1.0 blocks off in the median" in told
    assert "order was right in 1 of 1 models" in told
    assert "embedded" not in calibrated_sentence(record_of(rows(), version="0"))


def test_intervals_count_models_and_stay_open_at_the_ends() -> None:
    all_right = share([(6, 6)] * 35)
    assert (all_right.value, all_right.of) == (1.0, 210) and all_right.interval == (pytest.approx(0.901, abs=1e-3), 1.0)
    half = share([(1, 2)] * 10)
    assert half.interval == (pytest.approx(0.237, abs=1e-3), pytest.approx(0.763, abs=1e-3))
    assert share([(0, 0)]).interval is None
    error = mean_error([[0.0, 2.0], [1.0, 1.0], [1.0]])
    assert (error.families, error.mean, error.median, error.interval) == (5, 1.0, 1.0, (1.0, 1.0))
    assert mean_error([[1.0]]).interval is None and mean_error([]).families == 0
