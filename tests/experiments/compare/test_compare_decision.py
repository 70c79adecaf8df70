"""What it takes to say that the layer-split hypothesis holds, and what to say that it doesn't."""

from __future__ import annotations

import pytest
from made_comparisons import DOWN, FEW, NONE, UP, Three, comparison_of, contrasted, half, kind_of, with_generated_half

from strata.experiments.results.comparison import ComparedKind, Comparison
from strata.experiments.results.comparison_reasons import HypothesisReason
from strata.experiments.results.estimates import Contrasted

FOR = kind_of(UP, accuracy=UP), kind_of(DOWN, accuracy=DOWN)


def codes(comparison: Comparison) -> list[str]:
    return [reason.code for reason in comparison.verdict.reasons]


def only_reason(comparison: Comparison) -> HypothesisReason:
    return comparison.verdict.reasons[0]


@pytest.mark.parametrize(
    ("case", "hypothesis", "code"),
    [
        (comparison_of(*FOR), "supported", None),
        (comparison_of(*FOR, order="retrieval-first"), "supported", None),
        (comparison_of(*FOR, order="reasoning-first"), "contradicted", "order-reversed"),
        # Each part of the hypothesis the other way round.
        (comparison_of(kind_of(UP, accuracy=DOWN), FOR[1]), "contradicted", "lower-half-gains"),
        (comparison_of(FOR[0], kind_of(DOWN, accuracy=UP)), "contradicted", "upper-half-loses"),
        (comparison_of(kind_of(DOWN, accuracy=UP), FOR[1]), "contradicted", "reasoning-falls"),
        (comparison_of(FOR[0], kind_of(UP, accuracy=UP)), "contradicted", "knowledge-rises"),
        # Each part not shown.
        (comparison_of(kind_of(NONE, accuracy=UP), FOR[1]), "undetermined", "no-gain-shown"),
        (comparison_of(FOR[0], kind_of(NONE, accuracy=DOWN)), "undetermined", "no-loss-shown"),
        (comparison_of(kind_of(UP, accuracy=NONE), FOR[1]), "undetermined", "gain-unshared"),
        (comparison_of(FOR[0], kind_of(DOWN)), "undetermined", "loss-unshared"),
        # Halves of another change say nothing about this one.
        (comparison_of(kind_of(UP, logit_difference=DOWN), FOR[1]), "undetermined", "gain-unshared"),
        (comparison_of(kind_of(FEW), kind_of(DOWN)), "undetermined", "too-few-clusters"),
        (comparison_of(kind_of(None), kind_of(DOWN)), "undetermined", "not-measured"),
        (comparison_of(None, kind_of(DOWN)), "undetermined", "not-asked"),
    ],
)
def test_every_part_needs_an_interval_that_bears_it(case: Comparison, hypothesis: str, code: str | None) -> None:
    assert case.verdict.hypothesis == hypothesis
    assert codes(case) == ([] if code is None else [code])


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
    case = comparison_of(kind_of(*reasoning, accuracy=UP), kind_of(*knowledge, accuracy=DOWN))
    assert case.verdict.hypothesis == "undetermined"


LACKS = {
    "base": ("change", "nothing-shown", ()),
    "control": ("difference_in_differences", "nothing-shown", ()),
}
ALL = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")


@pytest.mark.parametrize(
    ("reasoning", "lacks"),
    [
        # As of a run whose difference in differences is shown, and told, and only the one over the base is not.
        (kind_of(NONE, UP), [LACKS["base"]]),
        (kind_of(UP, NONE), [LACKS["control"]]),
        (kind_of(NONE, NONE), [LACKS["base"], LACKS["control"]]),
        (kind_of(NONE), [LACKS["base"]]),
        (kind_of(UP, DOWN), [("difference_in_differences", "opposite", ALL)]),
        (kind_of(UP, UP).model_copy(update={"by_likelihood": contrasted(UP, NONE)}), [("difference_in_differences", "not-by-all", ("by_likelihood",))]),
        (kind_of(UP, UP).model_copy(update={"by_likelihood": contrasted(DOWN, UP)}), [("change", "disagree", ())]),
    ],
)  # fmt: skip
def test_the_contrast_that_fails_is_named_and_no_other(
    reasoning: ComparedKind, lacks: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    control = reasoning.accuracy.difference_in_differences is not None
    case = comparison_of(reasoning, kind_of(DOWN, DOWN if control else None, accuracy=DOWN))
    reason = only_reason(case)
    assert (case.verdict.hypothesis, reason.code) == ("undetermined", "no-gain-shown")
    assert [(part.contrast, part.lack, part.measures) for part in reason.lacking] == lacks


@pytest.mark.parametrize(
    ("written", "lacks"),
    [
        (contrasted(NONE, UP), ["change"]),
        (contrasted(UP, NONE), ["difference_in_differences"]),
        (contrasted(NONE, DOWN), ["change", "difference_in_differences"]),
    ],
)
def test_the_contrast_that_fails_in_generated_answers_is_named(written: Contrasted, lacks: list[str]) -> None:
    case = comparison_of(kind_of(UP, UP), kind_of(DOWN, DOWN, accuracy=DOWN), written)
    assert case.verdict.by == "generated"
    assert [part.contrast for part in only_reason(case).lacking] == lacks


def made(
    at_prompts: Three, written: Contrasted, *, swaps: Three | None = None, generated: Three | None = None
) -> Comparison:
    reasoning = kind_of(at_prompts) if swaps is None else kind_of(at_prompts, accuracy=swaps)
    if generated is not None:
        reasoning = with_generated_half(reasoning, half(generated, split="test"))
    return comparison_of(reasoning, FOR[1], written)


@pytest.mark.parametrize(
    ("case", "hypothesis", "code"),
    [
        (made(NONE, contrasted(UP), swaps=DOWN, generated=UP), "supported", None),
        (made(UP, contrasted(UP), swaps=UP, generated=DOWN), "contradicted", "lower-half-gains"),
        (made(UP, contrasted(UP), swaps=UP), "undetermined", "gain-unshared"),
        (made(UP, contrasted(UP, NONE), swaps=UP, generated=UP), "undetermined", "no-gain-shown"),
        (made(NONE, contrasted(DOWN), swaps=UP), "contradicted", "reasoning-falls"),
        # What one way of asking claims, the other must not deny.
        (made(UP, contrasted(DOWN), swaps=UP), "undetermined", "ways-disagree"),
        (made(DOWN, contrasted(UP), swaps=UP, generated=UP), "undetermined", "ways-disagree"),
        # No generated answers: the likelihoods have to do.
        (made(UP, contrasted(None), swaps=UP), "supported", None),
    ],
)
def test_a_gain_in_generated_answers_counts_before_one_in_likelihoods(
    case: Comparison, hypothesis: str, code: str | None
) -> None:
    assert case.verdict.hypothesis == hypothesis
    assert codes(case) == ([] if code is None else [code])


def test_halves_of_other_problems_than_the_gains_do_not_count() -> None:
    reasoning = with_generated_half(kind_of(UP, accuracy=UP), half(UP, split="harder"))
    assert comparison_of(reasoning, FOR[1], contrasted(UP)).verdict.hypothesis == "undetermined"
