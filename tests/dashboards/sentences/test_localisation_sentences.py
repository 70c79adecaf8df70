"""Has every reason its sentence, and does a sentence say what its numbers say, and of whom?"""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from synthetic_localisation import (
    kind_localisation,
    localisation,
    made_up_families,
    placed_family,
    unplaced_family,
    without_interventions,
)

from strata.dashboards.sentences.families import compact_rows, family_rows
from strata.dashboards.sentences.localisation import (
    ONLY_THESE,
    Sentence,
    hypothesis_sentence,
    kind_sentence,
    order_sentence,
    sentences,
)
from strata.dashboards.sentences.places import ROLE_MEANS, ROLES, blocks_words, cell_label, cell_words, control_of
from strata.dashboards.sentences.reasons import NOT_COUNTED, why_not_located, why_not_ordered, why_not_placed
from strata.experiments.results.families import Place, Role
from strata.experiments.results.kinds import Hypothesis, Order, Verdict
from strata.experiments.results.reasons import (
    NotCounted,
    NotLocated,
    NotOrdered,
    NotPlaced,
    WhyNotLocated,
    WhyNotOrdered,
    WhyNotPlaced,
)
from strata.probes.interventions.cells import CELLS


def whole(clause: str) -> bool:
    """A clause that can stand behind a colon: small initial, no full stop, nothing left unsaid."""
    return bool(re.match(r"[a-z0-9]", clause)) and not clause.endswith((".", ",", ";")) and "None" not in clause


def test_a_kind_of_one_family_is_spoken_of_in_the_singular() -> None:
    why = [why_not_located(WhyNotLocated(code="too-few-pairs", families=families)) for families in (1, 2)]
    assert why[0].startswith("its 1 family has too few pairs") and why[1].startswith(
        "its 2 families have too few pairs"
    )


def test_every_reason_has_a_clause_of_its_own_with_and_without_numbers() -> None:
    placed = {c: WhyNotPlaced(code=c) for c in get_args(NotPlaced)}
    located = {c: WhyNotLocated(code=c) for c in get_args(NotLocated)}
    ordered = {c: WhyNotOrdered(code=c) for c in get_args(NotOrdered)}
    for clauses in (
        [why_not_placed(why) for why in placed.values()],
        [why_not_located(why) for why in located.values()],
        [why_not_ordered(why) for why in ordered.values()],
    ):
        assert all(map(whole, clauses)) and len(set(clauses)) == len(clauses)
    assert set(NOT_COUNTED) == set(get_args(NotCounted))
    assert set(ROLES) == set(ROLE_MEANS) == set(get_args(Role))


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (WhyNotPlaced(code="too-few-pairs", pairs=7, needed=12), "only 7 pairs answered on both sides, 12 needed"),
        (WhyNotPlaced(code="too-few-entities", entities=1, needed=10), "only 1 entity, 10 needed"),
        (
            WhyNotPlaced(code="no-cell-counts", cell="enrich", effect=0.21, low=0.13),
            "MLP at the subject (enrich) with 0.21, lower end 0.13",
        ),
        (WhyNotPlaced(code="role-untestable", couples=2, needed=6), "2 couples of pairs, 6 needed"),
    ],
)
def test_the_numbers_of_a_reason_are_said(why: WhyNotPlaced, words: str) -> None:
    assert words in why_not_placed(why, "subject")


def test_a_located_kind_says_where_how_sure_in_how_many_families_and_what_its_control_says() -> None:
    families = {name: placed_family("knowledge", 30) for name in ("a", "b", "c")}
    shared = kind_sentence("knowledge", kind_localisation("knowledge", families, 30, shared=True), families)
    where = "Knowledge answers are made by attention at the last token (move), blocks 14–16"
    assert shared.head == f"{where}, through which its control passes too", (
        "what takes a claim away stands out like the claim"
    )
    assert "95 % interval [13, 17], in 3 of 4 families" in shared.rest
    numbers = "(effect gained here 0.62, in the control 0.54, difference 0.08 [−0.02, 0.18])"
    assert shared.rest.endswith(f"passes through the same blocks {numbers}, so this says nothing about retrieval.")
    elsewhere = kind_sentence("knowledge", kind_localisation("knowledge", families, 30, shared=False), families)
    assert (
        "is not made there (effect gained here 0.62, in the control 0.05, difference 0.57 [0.47, 0.67])."
        in elsewhere.rest
    )
    families["a_stated"] = placed_family("control", 30, contrast="K-C")
    elsewhere = kind_sentence("knowledge", kind_localisation("knowledge", families, 30, shared=False), families)
    assert "is not made there but by attention at the last token, blocks 14–16 (effect" in elsewhere.rest
    unknown = kind_sentence("knowledge", kind_localisation("knowledge", families, 30, shared=None), families)
    assert "was not measured, so whether this is special to retrieval stays open" in unknown.rest


def test_fewer_than_three_families_speak_for_themselves_only() -> None:
    told = {sentence.about: sentence for sentence in sentences(localisation(30))}
    for about in ("knowledge", "reasoning", "order", "b"):
        assert told[about].text.endswith(f"{ONLY_THESE}.") and ONLY_THESE.endswith("for these families")
    general = {name: placed_family("reasoning", 30) for name in ("a", "b", "c")}
    assert "these families" not in kind_sentence("reasoning", kind_localisation("reasoning", general, 30), general).text


def test_a_kind_without_a_place_is_undetermined_and_one_nobody_looked_for_is_not() -> None:
    families = {"a": unplaced_family("knowledge", WhyNotPlaced(code="not-answered"), 30)}
    told = kind_sentence("knowledge", kind_localisation("knowledge", families, 30), families)
    assert told.text == (
        "Where knowledge answers are made is undetermined: 0 of 1 family whose role can be tested have a place, 2 needed."
    )
    none = sentences(without_interventions(localisation(30)))
    assert [sentence.text for sentence in none] == [
        "Knowledge was not looked for: no intervention was made.",
        "Reasoning was not looked for: no intervention was made.",
        "The order of knowledge and reasoning is undetermined: no intervention was made.",
    ]


def test_families_that_no_part_makes_together_are_counted_by_part_in_what_is_stated() -> None:
    families = {name: placed_family("knowledge", 30) for name in ("a", "b", "c")}
    assert families["a"].place is not None
    other = families["a"].place.model_copy(update={"cell": "enrich", "support": 0.6})
    families["c"] = families["c"].model_copy(update={"place": other})
    why = WhyNotLocated(code="families-disagree", placed=2, families=4, needed=3)
    alone = kind_localisation("knowledge", families, 30).model_copy(update={"located": None, "why_not_located": why})
    told = kind_sentence("knowledge", alone, families)
    assert told.head == (
        "Where knowledge answers are made is undetermined: attention at the last token in 2 of 4 families, MLP at the subject in 1, none is shown in 1"
    )
    assert told.rest == (
        "; 3 by one part are needed: a and b by attention at the last token (move, at least 97 % of draws), "
        "c by MLP at the subject (enrich, 60 % of draws)."
    )


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_an_order_names_both_cells_and_its_numbers_unless_it_is_undetermined(verdict: Verdict) -> None:
    numbers: dict[str, Any] = {
        "cells": ("enrich", "work_out"), "families": (6, 5), "probability": 0.98, "difference": 0.41, "interval": (0.3, 0.5), "p": 0.004
    }  # fmt: skip
    why = WhyNotOrdered(code="overlap", probability=0.7)
    told = order_sentence(
        Order(verdict=verdict, general=True, why=why if verdict == "undetermined" else None, **numbers)
    )
    if verdict == "undetermined":
        assert "0.41" not in told.text and "with probability 0.70" in told.text
    else:
        for words in ("(enrich)", "(work_out)", "0.41 [0.30, 0.50]", "0.98", "p = 0.004", "6 against 5 families"):
            assert words in told.text
    spans = order_sentence(Order(verdict="together", cells=("enrich", "gather")), ("subject", "operand")).text
    assert "MLP at the subject (enrich) against attention at the operand (gather)" in spans
    heads = {order_sentence(Order(verdict=v)).head for v in get_args(Verdict)}
    assert len(heads) == len(get_args(Verdict))


def test_the_hypothesis_is_told_sentence_by_sentence_with_its_numbers() -> None:
    numbers = {
        "beyond_control": 0.1,
        "beyond_control_low": -0.02,
        "beyond_control_high": 0.2,
        "excess_low": 0.3,
        "none": None,
    }
    told = hypothesis_sentence(Hypothesis(sentence="a", verdict="refuted", numbers=numbers, general=True))
    assert told.head == "Hypothesis (a) refuted"
    assert told.text.endswith("(beyond control 0.10 [−0.02, 0.20], excess low 0.30).")
    open_one = hypothesis_sentence(Hypothesis(sentence="c", verdict="undetermined"))
    assert open_one.text.endswith("where reasoning answers are made”.") and isinstance(open_one, Sentence)


def test_where_one_kind_alone_was_asked_neither_order_nor_hypothesis_is_told() -> None:
    both = localisation(30)
    alone = both.model_copy(update={"kinds": {"knowledge": both.kinds["knowledge"], "control": both.kinds["control"]}})
    assert {sentence.about for sentence in sentences(both)} >= {"knowledge", "reasoning", "order", "a", "b"}
    assert [sentence.about for sentence in sentences(alone)] == ["knowledge"]


def test_without_knowledge_and_reasoning_every_kind_is_told_and_no_order() -> None:
    families = {"bridge": placed_family("composite", 12)}
    told = sentences(localisation(12, families))
    assert told[0].about == "composite"
    assert "order" not in {sentence.about for sentence in told}


def test_cells_and_blocks_have_plain_words_first() -> None:
    assert [cell_label(cell, "subject") for cell in CELLS] == [
        "MLP at the subject", "attention at the subject", "attention at the last token", "MLP at the last token"
    ]  # fmt: skip
    assert cell_words("enrich") == "MLP at the replaced words (enrich)"
    assert (blocks_words(3, 3), blocks_words(1, 11, "spread")) == ("block 3", "spread over blocks 1–11")


def test_a_control_is_found_by_what_it_is_matched_to() -> None:
    controls = [("capital_stated", "K-C"), ("copy", "symbol")]
    assert control_of("capital", controls) == "capital_stated"
    assert control_of("symbol", controls) == "copy"
    assert control_of("addition", controls) is None


def test_every_family_has_a_row_that_says_its_place_or_why_there_is_none() -> None:
    made = localisation(30)
    rows = {row.family: row for row in family_rows(made)}
    assert set(rows) == set(made.families)
    capital = rows["capital"]
    assert (capital.place, capital.interval) == ("attention at the last token, blocks 14–16", "[13, 17]")
    assert [words.split(":")[0] for words in capital.roles] == ["prepares", "makes", "relays"]
    assert capital.control == "attention at the last token, blocks 14–16 [13, 17]"
    assert rows["drug_class"].cells[1] == "not placed: it isn't answered above chance"
    assert (rows["currency"].control, rows["copy"].control) == ("no control was asked", "")
    assert rows["chemical_symbol"].roles == (
        "open: MLP at the subject, blocks 1–15",
        "open: attention at the last token, block 21",
    )


def test_a_place_that_hangs_on_the_threshold_is_told_with_the_other_one() -> None:
    families = made_up_families(30)
    part = Place(cell="enrich", first=1, last=11, interval=(1, 12), extent="spread", depth=0.2, support=0.9)
    families["capital"] = families["capital"].model_copy(update={"place_in_part": part})
    row = next(row for row in family_rows(localisation(30, families)) if row.family == "capital")
    assert "if carrying it in part is enough: MLP at the subject, spread over blocks 1–11" in row.cells[1]


def test_the_compact_table_fits_a_terminal_of_eighty_columns() -> None:
    for row in compact_rows(localisation(80)):
        assert len("  ".join(row)) <= 80
    capital = next(row for row in compact_rows(localisation(30)) if row[0] == "capital")
    assert capital == ("capital", "move 14–16", "[13, 17]", "makes", "move 14–16")
