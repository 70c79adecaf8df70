"""Every sentence a comparison can say, the numbers that let it, and a clause for every reason code."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from made_comparisons import (
    DOWN,
    FEW,
    NONE,
    UP,
    Three,
    answer_change,
    comparison_of,
    contrasted,
    half,
    kind_of,
    with_generated_half,
)

from strata.dashboards.sentences.answer_changes import disagreement, shown_by
from strata.dashboards.sentences.comparison import hypothesis_reason, prompt_words, verdict_sentences
from strata.dashboards.sentences.comparison_caveats import caveats
from strata.dashboards.sentences.comparison_reasons import (
    PARTS,
    split_words,
    why_no_half,
    why_no_value,
    why_not_compared,
    why_not_moved,
)
from strata.dashboards.sentences.comparison_terminal import told
from strata.dashboards.sentences.headline import headline_numbers, headline_sentence, number_line, seeds_sentence
from strata.experiments.generated_answers.problems import SPLITS
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.cell_changes import LocationChange
from strata.experiments.results.comparison import (
    AnswerChange,
    ComparedKind,
    ComparedModel,
    ComparisonCaveat,
    Warned,
)
from strata.experiments.results.comparison_reasons import (
    ExcludedPart,
    NoHalf,
    NotCompared,
    NotMoved,
    NoValue,
    Part,
    WhyNoHalf,
    WhyNotCompared,
    WhyNotMoved,
    WhyNoValue,
)
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.headline import SeedChange

FOR = kind_of(UP, accuracy=UP), kind_of(DOWN, accuracy=DOWN)


def test_a_gain_in_generated_answers_is_told_with_the_half_that_brings_it() -> None:
    reasoning = with_generated_half(kind_of(NONE), half(UP, split="test"))
    _, first, second, *_ = verdict_sentences(comparison_of(reasoning, kind_of(DOWN), contrasted(UP, UP)))
    assert (
        f"Reasoning, generated answers ({split_words('test')}; asked base after six answered examples, distilled the question alone): +20.0 points "
        "[+10.0, +30.0]; difference in differences" in first
    )
    assert "asked the question alone differ by +20.0 points" in second
    assert "Upper half of the blocks less lower half" in second and second.endswith("+0.20 [+0.10, +0.30].")
    reasoning = with_generated_half(kind_of(NONE), half(NONE, split="test"))
    unsure = verdict_sentences(comparison_of(reasoning, kind_of(DOWN), contrasted(UP)))[2]
    assert "doesn't say which half" in unsure
    reasoning = with_generated_half(kind_of(NONE), half(None, WhyNoHalf(code="too-few-clusters", clusters=3), "test"))
    absent = verdict_sentences(comparison_of(reasoning, kind_of(DOWN), contrasted(NONE)))
    assert "may be no change" in absent[1]
    assert absent[2].endswith("is undetermined asked the question alone: 3 clusters are too few for an interval.")


def test_a_change_of_answers_is_told_in_points_with_what_bounds_it() -> None:
    first = verdict_sentences(comparison_of(kind_of(UP), kind_of(NONE, NONE)))
    assert (
        "Reasoning at these prompts, accuracy by choice: +20.0 points [+10.0, +30.0]; without a control model"
        in first[0]
    )
    assert "may be no change" in first[2] and "may be nothing" in first[2]
    second = verdict_sentences(comparison_of(kind_of(FEW), kind_of(DOWN, DOWN)))
    assert "too few clusters for an interval" in second[0] and "may be no change" in second[0]
    assert "difference in differences against the control −20.0 points [−30.0, −10.0]" in second[2]
    assert "may be" not in second[2]
    alone = verdict_sentences(comparison_of(kind_of(None), None))
    assert alone[0] == "The change of reasoning could not be measured."
    assert len(alone) == 3 and "no knowledge items were asked" in alone[2], (
        "of an absent kind nothing but the hypothesis"
    )


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (LocationChange(verdict="deeper", difference=0.25, interval=(0.2, 0.3)), "moved deeper: +0.25 of the depth [+0.20, +0.30]"),
        (LocationChange(verdict="shallower", difference=-0.25, interval=(-0.3, -0.2)), "moved shallower: −0.25 of the depth [−0.30, −0.20]"),
        (LocationChange(verdict="unchanged", difference=0.0, interval=(-0.01, 0.01)), "stayed at its depth: +0.00 [−0.01, +0.01]"),
        (LocationChange(verdict="undetermined", why=WhyNotMoved(code="not-located", models=("base",))), "is undetermined: not located in base"),
        (None, "is undetermined: it is not comparable"),
    ],
)  # fmt: skip
def test_a_move_is_told_only_with_its_verdict(moved: LocationChange | None, words: str) -> None:
    assert words in verdict_sentences(comparison_of(kind_of(UP, moved=moved), kind_of(DOWN)))[1]


@pytest.mark.parametrize(
    ("reasoning", "knowledge", "fields", "words"),
    [
        (*FOR, {}, "the upper half of the blocks brings the gain in reasoning, the lower half the loss"),
        (*FOR, {"order": "reasoning-first"}, "reasons in lower blocks"),
        (kind_of(UP, accuracy=DOWN), FOR[1], {}, "lower half of the blocks brings more of the gain"),
        (FOR[0], kind_of(DOWN, accuracy=UP), {}, "upper half of the blocks brings more of the loss"),
        (kind_of(DOWN, accuracy=UP), FOR[1], {}, "reasoning is answered less often than before at these prompts"),
        (FOR[0], kind_of(UP, accuracy=UP), {}, "knowledge items are answered more often"),
        (FOR[0], kind_of(NONE, accuracy=DOWN), {}, "reasoning gains at these prompts, but no loss of knowledge is shown against the base"),
        (kind_of(UP, accuracy=NONE), FOR[1], {}, "brings the gain in reasoning is not shown"),
        (FOR[0], kind_of(DOWN), {}, "brings the loss of knowledge is not shown"),
        (kind_of(FEW), kind_of(DOWN), {}, "too few clusters"),
        (kind_of(None), kind_of(DOWN), {}, "was not measured in both"),
        (None, kind_of(DOWN), {}, "no reasoning items were asked"),
        (kind_of(NONE, UP), kind_of(DOWN, DOWN, accuracy=DOWN), {}, "no gain in reasoning is shown at these prompts against the base"),
        (kind_of(NONE, NONE), kind_of(DOWN, DOWN, accuracy=DOWN), {}, "at these prompts against the base nor against the control model"),
        (kind_of(UP, DOWN), kind_of(DOWN, DOWN, accuracy=DOWN), {}, "against the control model (a fall is shown by accuracy by choice, accuracy by likelihood, logit difference, log-probability of the answer)"),
        (kind_of(UP, UP).model_copy(update={"by_likelihood": contrasted(UP, NONE)}), kind_of(DOWN, DOWN, accuracy=DOWN), {}, "against the control model (not by accuracy by likelihood)"),
        (kind_of(UP, UP).model_copy(update={"by_likelihood": contrasted(DOWN, UP)}), kind_of(DOWN, DOWN, accuracy=DOWN), {}, "against the base (the measures disagree)"),
        (kind_of(UP), FOR[1], {"written": contrasted(DOWN)}, "measures of reasoning disagree: it is answered less often in generated answers, but against the base accuracy by choice +20.0"),
    ],
)  # fmt: skip
def test_what_decides_about_the_hypothesis_is_said_with_its_contrast(
    reasoning: ComparedKind | None, knowledge: ComparedKind, fields: dict[str, Any], words: str
) -> None:
    case = comparison_of(reasoning, knowledge, **fields)
    assert words in hypothesis_reason(case)
    last = verdict_sentences(case)[-1]
    assert f"is {case.verdict.hypothesis} here: {hypothesis_reason(case)}." in last


def test_a_gain_in_generated_answers_says_that_it_rests_on_generated_answers_alone() -> None:
    open_halves = comparison_of(kind_of(NONE), kind_of(NONE), contrasted(UP))
    assert "reasoning gains in generated answers (generated answers alone), but" in hypothesis_reason(open_halves)
    assert "This rests on generated answers alone." in verdict_sentences(open_halves)[1]
    falls = kind_of(NONE).model_copy(update={"answer_logprob": contrasted(DOWN)})
    held_back = comparison_of(falls, kind_of(NONE), contrasted(UP))
    assert (
        "is the opposite (against the base log-probability of the answer −0.20 nats [−0.30, −0.10])"
        in verdict_sentences(held_back)[1]
    )
    assert "the measures of reasoning disagree: it is answered more often in generated answers" in hypothesis_reason(
        held_back
    )


def test_halves_of_other_problems_than_the_gains_are_not_told() -> None:
    reasoning = with_generated_half(kind_of(UP, accuracy=UP), half(UP, split="harder"))
    case = comparison_of(reasoning, FOR[1], contrasted(UP))
    assert not any("upper half" in sentence for sentence in verdict_sentences(case)[:-1])


NOISE_UP, NOISE_DOWN, ZERO = (0.11, -0.99, 1.17), (-0.04, -1.2, 0.95), (0.0, -0.1, 0.1)


def by_measure(*changes: Three, beyond: tuple[Three, ...] = ()) -> AnswerChange:
    measures = [contrasted(change, beyond[place] if beyond else None) for place, change in enumerate(changes)]
    names = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")
    return answer_change(accuracy=measures[0], **dict(zip(names, measures, strict=True)))


@pytest.mark.parametrize("noise", [NOISE_UP, NOISE_DOWN, ZERO, (0.0, None, None), (-0.3, None, None)])
def test_which_measures_show_a_change_is_told_by_contrast(noise: Three) -> None:
    change = by_measure(DOWN, DOWN, DOWN, noise)
    assert disagreement(change) is None
    assert shown_by(change) == (
        "against the base a fall is shown by accuracy by choice, accuracy by likelihood, logit difference, not shown by "
        "log-probability of the answer"
    )
    beyond = by_measure(*[DOWN] * 4, beyond=(DOWN, DOWN, noise, noise))
    assert disagreement(beyond) is None
    assert shown_by(beyond) == (
        "against the base a fall is shown by every measure; against the control model a fall is shown by accuracy by choice, "
        "accuracy by likelihood, not shown by logit difference, log-probability of the answer"
    )


def test_only_intervals_on_opposite_sides_of_0_disagree_and_only_they_are_named() -> None:
    assert disagreement(by_measure(NOISE_DOWN, ZERO, (3.62, 1.76, 5.51), (-7.17, -9.12, -5.27))) == (
        "against the base: logit difference +3.62 [+1.76, +5.51], log-probability of the answer −7.17 nats [−9.12, −5.27]"
    )
    assert disagreement(by_measure(UP, UP, NOISE_DOWN, NOISE_DOWN)) is None


def test_measures_that_disagree_leave_nothing_claimed() -> None:
    knowledge = ComparedKind(**dict(by_measure(DOWN, ZERO, ZERO, UP)))
    sentence = verdict_sentences(comparison_of(kind_of(UP), knowledge))[2]
    assert (
        "The measures disagree: against the base: accuracy by choice −20.0 points [−30.0, −10.0], log-prob" in sentence
    )
    assert sentence.endswith("So neither a gain nor a loss is claimed.")


def test_ways_of_asking_are_told_once_where_both_halves_were_asked_alike() -> None:
    assert prompt_words(("few_shot", "few_shot")) == "after six answered examples"
    assert prompt_words(("chain_of_thought", "few_shot")) == (
        "after three worked examples and after six answered examples (half of the problems each)"
    )
    assert all(split_words(split) != split for split in SPLITS)


def test_every_reason_has_a_clause_of_its_own() -> None:
    numbers: dict[str, Any] = {
        "clusters": 3,
        "items": 4,
        "needed": 8,
        "value": 0.1,
        "low": 0.0,
        "high": 0.2,
        "least": 0.1,
        "said": "it broke",
    }
    compared: dict[str, Any] = {
        "here": 4,
        "base": 3,
        "apart": 2,
        "of": 9,
        "split": "test",
        "texts": 9,
        "no_answer": {"a": 7},
        "said": "it broke",
    }
    for clauses in (
        [why_not_compared(WhyNotCompared(code=code, **compared)) for code in get_args(NotCompared)],
        [why_not_moved(WhyNotMoved(code=code, models=("base",), bound=0.05)) for code in get_args(NotMoved)],
        [why_no_half(WhyNoHalf(code=code, clusters=3, blocks=30, nearest=4)) for code in get_args(NoHalf)],
        [why_no_value(WhyNoValue(code=code, **numbers)) for code in get_args(NoValue)],
    ):
        assert len(set(clauses)) == len(clauses)
        assert all(
            re.match(r"[a-z0-9]", clause) and not clause.endswith(".") and "None" not in clause for clause in clauses
        )
    assert set(PARTS) == set(get_args(Part))
    text = WhyNoValue(code="hardly-differ", value=0.02, least=0.1).as_column()
    assert why_no_value(WhyNoValue.from_column(text)) == "the two models differ by 0.02, less than 0.1"


def test_a_terminal_prints_every_sentence_and_every_caveat_of_the_page() -> None:
    models = {role: ComparedModel(spec=f"/home/someone/{role}", sha256="", run=role) for role in ("base", "distilled")}
    case = comparison_of(kind_of(UP), kind_of(DOWN), contrasted(UP)).model_copy(
        update={
            "models": models,
            "quick": True,
            "not_comparable": (ExcludedPart(part="streams", model="distilled", why=WhyNotCompared(code="other-width", here=8, base=4)),),
            "warnings": (Warned(model="base", caveat=Caveat(code="said", text="No item is answered in /home/someone/items")), Warned(model=None, caveat=Caveat(code="said", text="Odd"))),
        }
    )  # fmt: skip
    lines = list(told(case))
    assert all(sentence in lines for sentence in verdict_sentences(case))
    assert all(number.value in number_line(number) for number in headline_numbers(case))
    texts = [caveat.text for caveat in caveats(case)]
    assert "Base: No item is answered in …/items." in texts and "Odd." in texts
    assert "Not comparable (distilled): similarity of streams and probe transfer: its streams have 8 dimensions, the base's 4." in texts  # fmt: skip
    assert "/home" not in "".join([*lines, *texts])


def test_a_start_that_one_kind_is_given_is_told_with_both_shares() -> None:
    given = ComparisonCaveat(code="start-given", given={"knowledge": 0.1, "reasoning": 0.8})
    case = comparison_of(kind_of(UP), kind_of(DOWN), contrasted(UP)).model_copy(update={"caveats": (given,)})
    (told_of,) = [caveat.text for caveat in caveats(case) if "start" in caveat.text]
    assert "Answers of reasoning are scored behind a start" in told_of and "(80 % of items; knowledge 10 %)" in told_of
    assert told_of.endswith("costs log-probability mostly on knowledge items.")


def test_what_was_not_measured_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    lines = list(told(comparison_of(kind_of(UP), kind_of(DOWN), Contrasted())))
    assert f"generated answers, {split_words('test')}: not measured" in lines


def test_the_headline_says_no_more_than_its_numbers_claim() -> None:
    reasoning = with_generated_half(kind_of(NONE), half(UP, split="test"))
    claimed = headline_sentence(comparison_of(reasoning, kind_of(DOWN), contrasted(UP)))
    assert claimed == (
        "Generated answers rise (+20.0 points [+10.0, +30.0]); knowledge beyond the format falls (−20.0 points "
        "[−30.0, −10.0]); the upper half of the blocks brings more of the change."
    )
    nothing = headline_sentence(comparison_of(reasoning, kind_of(NONE), contrasted(NONE)))
    assert "no change of generated answers is shown" in f"{nothing[0].lower()}{nothing[1:]}"
    assert "no change of knowledge beyond the format is shown" in nothing
    assert nothing.endswith("which blocks bring the change is open.")
    assert seeds_sentence(comparison_of(reasoning, kind_of(NONE))) == ""
    absent = headline_sentence(comparison_of(None, None))
    assert absent.startswith("Generated answers: not measured; knowledge beyond the format: not measured; ")
    few = comparison_of(reasoning, kind_of(FEW), contrasted(FEW))
    said = headline_sentence(few)
    assert said.startswith("Nothing can be said of generated answers (+20.0 points; too few clusters for an interval);")
    number = headline_numbers(few)[0]
    assert number.value == "+20.0 points" and number.note == "too few clusters for an interval"
    as_much = headline_sentence(comparison_of(reasoning, kind_of(DOWN), contrasted(UP, NONE)))
    assert (
        "generated answers rise (+20.0 points [+10.0, +30.0]), but nothing is shown beyond the control"
        in as_much.lower()
    )
    two = (SeedChange(distilled="a", generated=contrasted(UP)), SeedChange(distilled="b", generated=contrasted(DOWN)))
    told = seeds_sentence(comparison_of(reasoning, kind_of(NONE), seeds=two))
    assert "2 seeds" in told and "by +20.0, −20.0 points" in told
