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


def said(reasoning: dict[str, Any], knowledge: dict[str, Any]) -> dict[str, Any]:
    return in_words({"kinds": {"reasoning": reasoning, "knowledge": knowledge}})


@pytest.mark.parametrize(
    ("reasoning", "knowledge", "story", "reason"),
    [
        (of_kind(UP, upper=UP), of_kind(DOWN), "supported", "upper half of the blocks brings the gain"),
        (of_kind(UP, upper=DOWN), of_kind(DOWN), "contradicted", "lower half of the blocks brings more"),
        (of_kind(UP, upper=NONE), of_kind(DOWN), "undetermined", "which half"),
        (of_kind(UP), of_kind(DOWN), "undetermined", "which half"),
        (of_kind(DOWN, upper=UP), of_kind(DOWN), "contradicted", "reasoning items are answered less often"),
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


def test_a_change_of_answers_is_told_in_points_with_what_bounds_it() -> None:
    first = said(of_kind(UP), of_kind(NONE, NONE))["sentences"]
    assert "reasoning items answered: +20.0 points [+10.0, +30.0]; without a control twin" in first[0]
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
