"""Behaviour of several models, paired by item: the values of one run, and what is compared of them."""

from __future__ import annotations

import pytest

from strata.experiments.compare.measured_behaviour import measured_items
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow, BehaviourItemRow


def row(measure: str, condition: str, **more: object) -> BehaviourItemRow:
    return BehaviourItemRow("p", measure, condition, "reasoning", "f", "c", "1", **more)


def test_every_measure_of_an_item_is_the_runs_own() -> None:
    answers = [
        BehaviourAnswerRow("p", "reasoning", "f", "c", pace, draw, "q", "1", "", "1", None, None, False, right)
        for pace, rights in (("fast", (False, True)), ("slow", (True, True)), ("other_chain", (False, False)))
        for draw, right in enumerate(rights)
    ]
    rows = [
        row("confidence", "own", confidence=0.75, correct=True),
        row("confidence", "other", confidence=0.5, correct=True),
        row("pressure", "wrong", margin=1.5, flipped=True),
        row("pressure", "other_wrong", margin=-0.5, flipped=False),
        row("pressure", "neutral", margin=-1.0, flipped=False),
        row("information_gain_written", "steps", step=1, gain=3.0),
        row("information_gain_written", "steps", gain=4.0),
        row("information_gain_written", "other_steps", gain=-1.0),
        row("information_gain_own", "steps", gain=9.0),
        row("confidence_written", "none", confidence=0.9, correct=False),
        row("confidence_written", "steps", confidence=0.75, correct=True),
        BehaviourItemRow("chain.2.0.walked", "chain", "walked", "reasoning", "f", "c", "1", correct=False),
        BehaviourItemRow("chain.2.0.filler", "chain", "filler", "reasoning", "f", "c", "1", correct=True),
        row("knowledge_index", "own", step=1, correct=True),
        row("knowledge_index", "own", step=2, correct=False),
    ]
    measured = measured_items(rows, answers)
    assert measured["chain"] == {"chain.2.0": -1.0}
    values = {name: of["p"] for name, of in measured.items() if "p" in of}
    assert values == pytest.approx({
        "fast": 0.5, "slow": 1.0, "thinking_gain": 0.5, "information_gain": 4.0, "information_gain_beyond": 5.0,
        "knowledge_index": 0.5, "overconfidence": -0.25, "overconfidence_behind_steps": -0.25, "pressure_gain": 2.0, "pressure_flips": 1.0,
    })  # fmt: skip


def test_an_item_that_was_wrong_anyway_can_not_flip() -> None:
    rows = [row("pressure", "wrong", margin=1.5), row("pressure", "other_wrong", margin=1.0)]
    values = measured_items(rows, [])
    assert values["pressure_flips"] == {} and values["pressure_gain"] == {"p": 0.5} and values["slow"] == {}
