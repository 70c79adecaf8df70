"""Every sentence a comparison can say, and the numbers that let it."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.compare.in_words import in_words

UP, DOWN, NONE = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.01, -0.1, 0.1)
POINT = (0.2, None, None)
Three = tuple[float, float | None, float | None]


def estimate(three: Three | None) -> dict[str, Any] | None:
    return None if three is None else dict(zip(("value", "low", "high"), three, strict=True))


def of_kind(
    change: Three | None, beyond: Three | None = None, *, moved: Any = None, upper: Three | None = None
) -> dict[str, Any]:
    halves = {"accuracy": {"upper_minus_lower": None}, "logit_difference": {"upper_minus_lower": estimate(upper)}}
    return {
        "accuracy": {"change": estimate(change), "beyond_twin": estimate(beyond)},
        "location_change": {"distilled": moved} if moved else {},
        "upper_minus_lower": {"distilled": halves},
    }


def said(reasoning: dict[str, Any], knowledge: dict[str, Any], thoughts: Any = None) -> dict[str, Any]:
    return in_words({"kinds": {"reasoning": reasoning, "knowledge": knowledge}, "thoughts": thoughts})


def thoughts(change: Three | None, beyond: Three | None = None) -> dict[str, Any]:
    accuracy = {"change": estimate(change), "beyond_twin": estimate(beyond)}
    return {"test": {"about": "unseen instances", "accuracy": accuracy}}


def halved(kind: dict[str, Any], apart: Three | None, reason: str | None = None) -> dict[str, Any]:
    entry = {"cut": 15, "upper_minus_lower": estimate(apart), "reason": reason}
    return {**kind, "upper_minus_lower": {"distilled": {**kind["upper_minus_lower"]["distilled"], "in_words": entry}}}


@pytest.mark.parametrize(
    ("reasoning", "knowledge", "story", "reason"),
    [
        (of_kind(UP, upper=UP), of_kind(DOWN), "supported", "upper half of the blocks brings the gain"),
        (of_kind(UP, upper=DOWN), of_kind(DOWN), "contradicted", "lower half of the blocks brings more"),
        (of_kind(UP, upper=NONE), of_kind(DOWN), "undetermined", "which half"),
        (of_kind(UP), of_kind(DOWN), "undetermined", "which half"),
        (of_kind(DOWN, upper=UP), of_kind(DOWN), "contradicted", "reasoning is answered less often"),
        (of_kind(UP, upper=UP), of_kind(UP), "contradicted", "knowledge items are answered more often"),
        (of_kind(NONE, upper=UP), of_kind(DOWN), "undetermined", "no gain in reasoning"),
        (of_kind(UP, upper=UP), of_kind(NONE), "undetermined", "no loss of knowledge"),
        (of_kind(POINT, upper=UP), of_kind(DOWN), "undetermined", "too few clusters"),
        (of_kind(None), of_kind(DOWN), "undetermined", "was not measured in both"),
        ({}, of_kind(DOWN), "undetermined", "was not measured in both"),
        # What the twin does as well is no reasoning gain, and what it does the other way round is.
        (of_kind(UP, NONE, upper=UP), of_kind(DOWN, DOWN), "undetermined", "no gain in reasoning"),
        (of_kind(NONE, UP, upper=UP), of_kind(NONE, DOWN), "supported", "upper half"),
    ],
)
def test_the_story_is_judged_by_intervals_beyond_the_twin(
    reasoning: dict[str, Any], knowledge: dict[str, Any], story: str, reason: str
) -> None:
    found = said(reasoning, knowledge)
    assert found["story"] == story
    assert reason in found["reason"]
    assert f"is {story} here" in found["sentences"][-1] and found["reason"] in found["sentences"][-1]


@pytest.mark.parametrize(
    ("reasoning", "asked", "story", "reason"),
    [
        # What was gained in words is shared out in words: halves of the likelihoods say nothing about it.
        (halved(of_kind(NONE, upper=DOWN), UP), thoughts(UP), "supported", "upper half of the blocks brings"),
        (halved(of_kind(UP, upper=UP), DOWN), thoughts(UP), "contradicted", "lower half of the blocks brings more"),
        (halved(of_kind(UP, upper=UP), NONE), thoughts(UP), "undetermined", "which half"),
        (of_kind(UP, upper=UP), thoughts(UP), "undetermined", "which half"),
        (
            of_kind(UP, upper=UP),
            thoughts(UP, NONE),
            "undetermined",
            "no gain in reasoning is shown in words beyond the",
        ),
        (of_kind(UP, upper=UP), thoughts(DOWN), "contradicted", "less often than before in words"),
        # Not asked of the base, say: the likelihoods have to do.
        (of_kind(UP, upper=UP), thoughts(None), "supported", "upper half"),
        (of_kind(UP, upper=UP), {"reason": "not asked"}, "supported", "upper half"),
    ],
)
def test_a_gain_in_words_counts_before_one_in_likelihoods(
    reasoning: dict[str, Any], asked: Any, story: str, reason: str
) -> None:
    found = said(reasoning, of_kind(DOWN), asked)
    assert (found["story"], reason in found["reason"]) == (story, True), found["reason"]


def test_a_gain_in_words_is_told_with_the_half_that_brings_it() -> None:
    _, first, second, *_ = said(halved(of_kind(NONE), UP), of_kind(DOWN), thoughts(UP, UP))["sentences"]
    assert "in words, thinking first (unseen instances): +20.0 points [+10.0, +30.0]; beyond the control twin" in first
    assert "(from block 15) less the share" in second and second.endswith("+0.20 [+0.10, +0.30].")
    unsure = said(halved(of_kind(NONE), NONE), of_kind(DOWN), thoughts(UP))["sentences"][2]
    assert "doesn't say which half" in unsure
    absent = said(halved(of_kind(NONE), None, "too little"), of_kind(DOWN), thoughts(NONE))["sentences"]
    assert "may be no change" in absent[1] and absent[2].endswith("is undetermined: too little.")


def test_a_change_of_answers_is_told_in_points_with_what_bounds_it() -> None:
    first = said(of_kind(UP), of_kind(NONE, NONE))["sentences"]
    assert "reasoning items answered at once: +20.0 points [+10.0, +30.0]; without a control twin" in first[0]
    assert "may be no change" in first[2] and "may be nothing" in first[2]
    second = said(of_kind(POINT), of_kind(DOWN, DOWN))["sentences"]
    assert "too few clusters for an interval" in second[0] and "may be no change" in second[0]
    assert "beyond the control twin -20.0 points [-30.0, -10.0]" in second[2]
    assert "may be" not in second[2]
    assert said(of_kind(None), {})["sentences"][0] == "The change of reasoning could not be measured."
    assert said(of_kind(None), {})["sentences"][2] == "Knowledge was not asked of both models."


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (
            {"verdict": "deeper", "difference": 0.25, "interval": [0.2, 0.3], "reason": None},
            "moved deeper: +0.25 of the depth [+0.20, +0.30]",
        ),
        (
            {"verdict": "shallower", "difference": -0.25, "interval": [-0.3, -0.2], "reason": None},
            "moved shallower: -0.25 of the depth [-0.30, -0.20]",
        ),
        (
            {"verdict": "unchanged", "difference": 0.0, "interval": [-0.01, 0.01], "reason": None},
            "stayed at its depth: +0.00 [-0.01, +0.01]",
        ),
        ({"verdict": "undetermined", "reason": "not located in base"}, "is undetermined: not located in base"),
        (None, "is undetermined: it is not comparable"),
    ],
)
def test_a_move_is_told_only_with_its_verdict(moved: Any, words: str) -> None:
    assert words in said(of_kind(UP, moved=moved), of_kind(DOWN))["sentences"][1]
