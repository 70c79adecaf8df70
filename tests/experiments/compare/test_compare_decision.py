"""What it takes to say that the layer-split hypothesis holds, and what to say that it doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.compare.claims import claims
from strata.experiments.compare.decision import hypothesis_of

UP, DOWN, NONE, FEW = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.01, -0.1, 0.1), (0.2, None, None)
Three = tuple[float, float | None, float | None]


def estimate(three: Three | None) -> dict[str, Any] | None:
    return None if three is None else dict(zip(("value", "low", "high"), three, strict=True))


def changed(change: Three | None, beyond: Three | None = None) -> dict[str, Any]:
    return {"change": estimate(change), "difference_in_differences": estimate(beyond)}


def of_kind(change: Three | None, beyond: Three | None = None, **halves: Any) -> dict[str, Any]:
    """`halves`: upper minus lower by measure."""
    entries = {measure: {"upper_minus_lower": estimate(three), "cut": 15, "reason": "", "whole": estimate(UP)}
               for measure, three in halves.items()}  # fmt: skip
    same = changed(change, beyond)
    measures = dict.fromkeys(("accuracy", "by_choice", "by_likelihood", "logit_difference", "answer_logprob"), same)
    return {
        **measures,
        "decided_by": {"by_choice": 40},
        "location_change": {},
        "upper_minus_lower": {"distilled": entries},
    }


def summary_of(
    reasoning: dict[str, Any],
    knowledge: dict[str, Any],
    words: dict[str, Any] | None = None,
    order: str = "undetermined",
) -> dict[str, Any]:
    generated = {"reason": "not asked"} if words is None else {"test": {"about": "", "prompt": {}, "accuracy": words}}
    return {
        "kinds": {"reasoning": reasoning, "knowledge": knowledge},
        "order": {"base": {"verdict": order}},
        "generated": generated,
    }


FOR = summary_of(of_kind(UP, accuracy=UP), of_kind(DOWN, accuracy=DOWN))


@pytest.mark.parametrize(
    ("case", "hypothesis", "reason"),
    [
        (FOR, "supported", "the upper half of the blocks brings the gain in reasoning, the lower half the loss"),
        ({**FOR, "order": {"base": {"verdict": "retrieval-first"}}}, "supported", "upper half"),
        ({**FOR, "order": {"base": {"verdict": "reasoning-first"}}}, "contradicted", "reasons in lower blocks"),
        # Each part of the hypothesis the other way round.
        (summary_of(of_kind(UP, accuracy=DOWN), of_kind(DOWN, accuracy=DOWN)), "contradicted", "lower half of the blocks brings more of the gain"),
        (summary_of(of_kind(UP, accuracy=UP), of_kind(DOWN, accuracy=UP)), "contradicted", "upper half of the blocks brings more of the loss"),
        (summary_of(of_kind(DOWN, accuracy=UP), of_kind(DOWN, accuracy=DOWN)), "contradicted", "reasoning is answered less often"),
        (summary_of(of_kind(UP, accuracy=UP), of_kind(UP, accuracy=UP)), "contradicted", "knowledge items are answered more often"),
        # Each part not shown.
        (summary_of(of_kind(NONE, accuracy=UP), of_kind(DOWN, accuracy=DOWN)), "undetermined", "no gain in reasoning"),
        (summary_of(of_kind(UP, accuracy=UP), of_kind(NONE, accuracy=DOWN)), "undetermined", "no loss of knowledge"),
        (summary_of(of_kind(UP, accuracy=NONE), of_kind(DOWN, accuracy=DOWN)), "undetermined", "brings the gain in reasoning is not"),
        (summary_of(of_kind(UP, accuracy=UP), of_kind(DOWN)), "undetermined", "brings the loss of knowledge is not shown"),
        # Halves of another change say nothing about this one.
        (summary_of(of_kind(UP, logit_difference=DOWN), of_kind(DOWN, accuracy=DOWN)), "undetermined", "gain in reasoning is not"),
        (summary_of(of_kind(FEW), of_kind(DOWN)), "undetermined", "too few clusters"),
        (summary_of(of_kind(None), of_kind(DOWN)), "undetermined", "was not measured in both"),
        (summary_of({}, of_kind(DOWN)), "undetermined", "no reasoning items were asked"),
    ],
)  # fmt: skip
def test_every_part_needs_an_interval_that_bears_it(case: dict[str, Any], hypothesis: str, reason: str) -> None:
    assert hypothesis_of(case)[0] == hypothesis, hypothesis_of(case)[1]
    assert reason in hypothesis_of(case)[1]


@pytest.mark.parametrize(
    ("reasoning", "knowledge"),
    [
        # What the control does as well, or does more of, is no effect of reasoning training; nor is what only the control does.
        ((UP, NONE), (DOWN, DOWN)),
        ((UP, UP), (DOWN, UP)),
        ((DOWN, UP), (UP, DOWN)),
        ((NONE, UP), (NONE, DOWN)),
        ((UP, DOWN), (DOWN, DOWN)),
    ],
)
def test_with_a_control_both_the_change_and_what_is_beyond_the_control_must_point_one_way(
    reasoning: tuple[Three, Three], knowledge: tuple[Three, Three]
) -> None:
    case = summary_of(of_kind(*reasoning, accuracy=UP), of_kind(*knowledge, accuracy=DOWN))
    assert hypothesis_of(case)[0] == "undetermined"


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        # As of a run whose difference in differences is shown, and told, and only the one over the base is not.
        (of_kind(NONE, UP), "no gain in reasoning is shown at these prompts against the base"),
        (of_kind(UP, NONE), "no gain in reasoning is shown at these prompts against the control model"),
        (of_kind(NONE, NONE), "no gain in reasoning is shown at these prompts against the base nor against the control model"),
        (of_kind(NONE), "no gain in reasoning is shown at these prompts against the base"),
        (of_kind(UP, DOWN), "against the control model (a fall is shown by accuracy by choice, accuracy by likelihood, logit difference, log-probability of the answer)"),
        (of_kind(UP, UP) | {"by_likelihood": changed(UP, NONE)}, "at these prompts against the control model (not by accuracy by likelihood)"),
        (of_kind(UP, UP) | {"by_likelihood": changed(DOWN, UP)}, "at these prompts against the base (the measures disagree)"),
    ],
)  # fmt: skip
def test_the_contrast_that_fails_is_named_and_no_other(reasoning: dict[str, Any], expected: str) -> None:
    control = reasoning["accuracy"]["difference_in_differences"] is not None
    hypothesis, reason = hypothesis_of(summary_of(reasoning, of_kind(DOWN, DOWN if control else None, accuracy=DOWN)))
    assert hypothesis == "undetermined" and reason.split("; ")[0].endswith(expected), reason


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (changed(NONE, UP), "no gain in reasoning is shown in generated answers against the base"),
        (changed(UP, NONE), "no gain in reasoning is shown in generated answers against the control model"),
        (
            changed(NONE, DOWN),
            "no gain in reasoning is shown in generated answers against the base nor against the control model",
        ),
    ],
)
def test_the_contrast_that_fails_in_generated_answers_is_named(words: dict[str, Any], expected: str) -> None:
    assert hypothesis_of(summary_of(of_kind(UP, UP), of_kind(DOWN, DOWN, accuracy=DOWN), words))[1] == expected


def test_a_gain_in_generated_answers_says_that_it_rests_on_generated_answers_alone() -> None:
    open_halves = summary_of(of_kind(NONE), of_kind(NONE), changed(UP))
    assert "reasoning gains in generated answers (generated answers alone), but" in hypothesis_of(open_halves)[1]
    assert "This rests on generated answers alone." in claims(open_halves)["sentences"][1]
    held_back = claims(summary_of(of_kind(NONE) | {"answer_logprob": changed(DOWN)}, of_kind(NONE), changed(UP)))
    assert (
        "is the opposite (against the base log-probability of the answer −0.20 nats [−0.30, −0.10])"
        in held_back["sentences"][1]
    )
    assert "the measures of reasoning disagree: it is answered more often in generated answers" in held_back["reason"]


@pytest.mark.parametrize(
    ("reasoning", "words", "hypothesis", "reason"),
    [
        (of_kind(NONE, accuracy=DOWN, generated=UP), changed(UP), "supported", "upper half"),
        (of_kind(UP, accuracy=UP, generated=DOWN), changed(UP), "contradicted", "lower half of the blocks brings more of the gain"),
        (of_kind(UP, accuracy=UP), changed(UP), "undetermined", "brings the gain in reasoning is not"),
        (of_kind(UP, accuracy=UP, generated=UP), changed(UP, NONE), "undetermined", "shown in generated answers against the control model"),
        (of_kind(NONE, accuracy=UP), changed(DOWN), "contradicted", "less often than before in generated answers"),
        # What one way of asking claims, the other must not deny.
        (of_kind(UP, accuracy=UP), changed(DOWN), "undetermined", "measures of reasoning disagree: it is answered less often in generated answers"),
        (of_kind(DOWN, accuracy=UP, generated=UP), changed(UP), "undetermined", "it is answered more often in generated answers, but against the base accuracy by choice −20.0"),
        # No generated answers: the likelihoods have to do.
        (of_kind(UP, accuracy=UP), changed(None), "supported", "upper half"),
    ],
)  # fmt: skip
def test_a_gain_in_generated_answers_counts_before_one_in_likelihoods(
    reasoning: dict[str, Any], words: dict[str, Any], hypothesis: str, reason: str
) -> None:
    case = summary_of(reasoning, of_kind(DOWN, accuracy=DOWN), words)
    assert hypothesis_of(case)[0] == hypothesis, hypothesis_of(case)[1]
    assert reason in hypothesis_of(case)[1]


def test_halves_of_other_problems_than_the_gains_do_not_count() -> None:
    reasoning = of_kind(UP, accuracy=UP, generated=UP)
    reasoning["upper_minus_lower"]["distilled"]["generated"]["split"] = "harder"
    case = summary_of(reasoning, of_kind(DOWN, accuracy=DOWN), changed(UP))
    assert hypothesis_of(case)[0] == "undetermined"
    assert not any("upper half" in sentence for sentence in claims(case)["sentences"][:-1])


def test_the_last_sentence_says_the_story_and_its_reason() -> None:
    claims_made = claims(FOR)
    assert (claims_made["hypothesis"], claims_made["reason"]) == hypothesis_of(FOR)
    assert "is supported here" in claims_made["sentences"][-1] and claims_made["reason"] in claims_made["sentences"][-1]
