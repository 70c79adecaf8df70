"""Every sentence a comparison can say, and the numbers that let it."""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.compare.claims import claims

UP, DOWN, NONE = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.01, -0.1, 0.1)
POINT = (0.2, None, None)
Three = tuple[float, float | None, float | None]


def estimate(three: Three | None) -> dict[str, Any] | None:
    return None if three is None else dict(zip(("value", "low", "high"), three, strict=True))


def of_kind(
    change: Three | None, beyond: Three | None = None, *, moved: Any = None, upper: Three | None = None
) -> dict[str, Any]:
    halves = {"accuracy": {"upper_minus_lower": estimate(upper)}}
    same = {"change": estimate(change), "difference_in_differences": estimate(beyond)}
    measures = dict.fromkeys(("accuracy", "by_choice", "by_likelihood", "logit_difference", "answer_logprob"), same)
    return {
        **measures,
        "decided_by": {"by_choice": 40},
        "location_change": {"distilled": moved} if moved else {},
        "upper_minus_lower": {"distilled": halves},
    }


def claims_of(reasoning: dict[str, Any], knowledge: dict[str, Any], generated: Any = None) -> dict[str, Any]:
    return claims({"kinds": {"reasoning": reasoning, "knowledge": knowledge}, "generated": generated})


def generated(change: Three | None, beyond: Three | None = None) -> dict[str, Any]:
    accuracy = {"change": estimate(change), "difference_in_differences": estimate(beyond)}
    return {
        "test": {
            "about": "unseen instances",
            "accuracy": accuracy,
            "prompt": {"base": "few_shot", "distilled": "question_only"},
        }
    }


def halved(kind: dict[str, Any], apart: Three | None, reason: str | None = None) -> dict[str, Any]:
    whole = estimate(UP if apart else NONE)
    entry = {
        "cut": 15,
        "whole": whole,
        "upper_minus_lower": estimate(apart),
        "reason": reason,
        "split": "test",
        "prompt": "question_only",
    }
    return {**kind, "upper_minus_lower": {"distilled": {**kind["upper_minus_lower"]["distilled"], "generated": entry}}}


def test_a_gain_in_generated_answers_is_told_with_the_half_that_brings_it() -> None:
    _, first, second, *_ = claims_of(halved(of_kind(NONE), UP), of_kind(DOWN), generated(UP, UP))["sentences"]
    assert (
        "Reasoning, generated answers (unseen instances; asked base few_shot, distilled question_only): +20.0 points [+10.0, +30.0]; "
        "difference in differences" in first
    )
    assert "asked question_only differ by +20.0 points" in second
    assert "(from block 15) less the share" in second and second.endswith("+0.20 [+0.10, +0.30].")
    unsure = claims_of(halved(of_kind(NONE), NONE), of_kind(DOWN), generated(UP))["sentences"][2]
    assert "doesn't say which half" in unsure
    absent = claims_of(halved(of_kind(NONE), None, "too little"), of_kind(DOWN), generated(NONE))["sentences"]
    assert "may be no change" in absent[1] and absent[2].endswith("is undetermined asked question_only: too little.")


def test_a_change_of_answers_is_told_in_points_with_what_bounds_it() -> None:
    first = claims_of(of_kind(UP), of_kind(NONE, NONE))["sentences"]
    assert (
        "Reasoning at these prompts, accuracy by choice: +20.0 points [+10.0, +30.0]; without a control model"
        in first[0]
    )
    assert "may be no change" in first[2] and "may be nothing" in first[2]
    second = claims_of(of_kind(POINT), of_kind(DOWN, DOWN))["sentences"]
    assert "too few clusters for an interval" in second[0] and "may be no change" in second[0]
    assert "difference in differences against the control −20.0 points [−30.0, −10.0]" in second[2]
    assert "may be" not in second[2]
    assert claims_of(of_kind(None), {})["sentences"][0] == "The change of reasoning could not be measured."
    sentences = claims_of(of_kind(None), {})["sentences"]
    assert len(sentences) == 3 and "no knowledge items were asked" in sentences[2], (
        "of an absent kind nothing but the hypothesis"
    )


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (
            {"verdict": "deeper", "difference": 0.25, "interval": [0.2, 0.3], "reason": None},
            "moved deeper: +0.25 of the depth [+0.20, +0.30]",
        ),
        (
            {"verdict": "shallower", "difference": -0.25, "interval": [-0.3, -0.2], "reason": None},
            "moved shallower: −0.25 of the depth [−0.30, −0.20]",
        ),
        (
            {"verdict": "unchanged", "difference": 0.0, "interval": [-0.01, 0.01], "reason": None},
            "stayed at its depth: +0.00 [−0.01, +0.01]",
        ),
        ({"verdict": "undetermined", "reason": "not located in base"}, "is undetermined: not located in base"),
        (None, "is undetermined: it is not comparable"),
    ],
)
def test_a_move_is_told_only_with_its_verdict(moved: Any, words: str) -> None:
    assert words in claims_of(of_kind(UP, moved=moved), of_kind(DOWN))["sentences"][1]
