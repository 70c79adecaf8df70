"""What is said first is claimed only where its interval bears it, every measure, what is beyond the control, and every seed."""

from __future__ import annotations

import pytest
from made_comparisons import DOWN, FEW, MEASURES, NONE, UP, Three, contrasted, half, kind_of, with_generated_half

from strata.experiments.compare.headline import agree, headline_of
from strata.experiments.results.comparison import ComparedKind, FormatApart, Generated, GeneratedSplit
from strata.experiments.results.headline import SeedChange


def written(change: Three, beyond: Three | None = None) -> Generated:
    of_test, overall = GeneratedSplit(accuracy=contrasted(NONE)), GeneratedSplit(accuracy=contrasted(change, beyond))
    return Generated(splits={"test": of_test, "other": of_test}, overall=overall)


def seed(generated: float, knowledge: float, beyond: float | None = None) -> SeedChange:
    def around(value: float | None) -> Three | None:
        return None if value is None else (value, value - 1, value + 1)

    return SeedChange(
        distilled="think", generated=contrasted(around(generated), around(beyond)),
        beyond_format={"knowledge": contrasted(around(knowledge))},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("generated", "claim", "why"),
    [
        (written(UP), 1, None),
        (written(DOWN, DOWN), -1, None),
        (written(NONE), 0, "nothing-shown"),
        (written(FEW), 0, "too-few-clusters"),
        (written(UP, NONE), 0, "nothing-beyond-control"),
        (written(UP, DOWN), 0, "nothing-beyond-control"),
        (Generated(why="not-asked-for"), 0, "not-measured"),
    ],
)
def test_generated_answers_of_all_problems_need_their_interval_and_one_beyond_the_control(
    generated: Generated, claim: int, why: str | None
) -> None:
    number = headline_of({"reasoning": kind_of(NONE), "knowledge": kind_of(NONE)}, generated).generated
    assert (number.claim, number.why) == (claim, why)


def test_what_all_measures_at_the_prompts_deny_is_not_claimed() -> None:
    number = headline_of({"reasoning": kind_of(DOWN)}, written(UP)).generated
    assert (number.claim, number.why) == (0, "denied-at-prompts")


def beyond_format(as_asked: ComparedKind, best: ComparedKind) -> ComparedKind:
    apart = FormatApart(measures={}, best=best, opening={}, claimed=best.claimed)
    return as_asked.model_copy(update={"format": apart})


def test_knowledge_is_lost_only_beyond_the_format_and_by_every_measure() -> None:
    def number(knowledge: ComparedKind) -> tuple[int, str | None]:
        told = headline_of({"knowledge": knowledge}, Generated()).knowledge
        return told.claim, told.why

    assert number(kind_of(DOWN)) == (-1, None)
    assert number(beyond_format(kind_of(DOWN), kind_of(NONE))) == (0, "nothing-shown")
    assert number(beyond_format(kind_of(NONE), kind_of(DOWN))) == (-1, None)
    for measure in MEASURES[1:]:
        partly = kind_of(DOWN).model_copy(update={measure: contrasted(NONE)})
        assert number(partly) == (0, "not-by-all")


def test_where_is_told_of_the_generated_answers_alone() -> None:
    upper = with_generated_half(kind_of(NONE, accuracy=DOWN), half(UP, split="test"))
    assert headline_of({"reasoning": upper}, written(UP)).where.claim == 1
    open_half = with_generated_half(kind_of(NONE), half(NONE, split="test"))
    assert headline_of({"reasoning": open_half}, written(UP)).where.why == "nothing-shown"
    assert headline_of({"reasoning": kind_of(NONE, accuracy=UP)}, written(UP)).where.why == "not-measured"


@pytest.mark.parametrize(("of_control", "claim"), [(UP, 0), (DOWN, 1), (NONE, 1)])
def test_where_is_not_claimed_where_the_controls_halves_differ_the_same_way(of_control: Three, claim: int) -> None:
    upper = with_generated_half(kind_of(NONE, accuracy=UP), half(UP, split="test"))
    halves = {**upper.upper_minus_lower, "control": {"generated": half(of_control, split="test")}}
    told = headline_of({"reasoning": upper.model_copy(update={"upper_minus_lower": halves})}, written(UP)).where
    assert told.claim == claim and told.why == (None if claim else "nothing-beyond-control")


def test_one_seed_that_changes_the_other_way_is_enough_to_claim_nothing() -> None:
    kinds = {"reasoning": kind_of(NONE), "knowledge": kind_of(DOWN)}
    alike = [seed(0.2, -0.1), seed(0.1, -0.2), seed(0.3, -0.01)]
    told = headline_of(kinds, written(UP), alike)
    assert (told.generated.claim, told.knowledge.claim) == (1, -1)
    told = headline_of(kinds, written(UP), [*alike, seed(-0.01, 0.01)])
    assert (told.generated.why, told.knowledge.why) == ("seeds-disagree", "seeds-disagree")
    assert not agree([contrasted((0.2, 0, 1), (-0.1, -1, 1))], 1), "nor may one be beyond its control the other way"
    assert not agree([contrasted((0.0, 0, 0))], 1) and agree([], 1)
