"""A gain or a loss is claimed only where every measure of the answers shows it, against the base and the control."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_comparisons import DOWN, UP, Three, answer_change, comparison_of, contrasted

from strata.experiments.compare.behaviour_change import behaviour_change
from strata.experiments.compare.measure_agreement import agreement, claimed, claimed_by_generated, lacking
from strata.experiments.items.schema import Item
from strata.experiments.results.comparison import AnswerChange, ComparedKind
from strata.experiments.results.comparison_reasons import Lacking
from strata.experiments.results.estimates import Contrasted, Estimated

N = 40


def items(kind: Any = "knowledge") -> list[Item]:
    return [
        Item(
            id=f"{kind}:{number}", kind=kind, family="facts", domain="", prompt=f"{number} is", answer=" a", foil_prompt="",
            foil=" b", cluster=str(number), template="plain", choices=(" a", " b", " c", " d"),
        )
        for number in range(N)
    ]  # fmt: skip


def rows(kind: str, *, choice: float, likelihood: float, logprob: float) -> list[dict[str, Any]]:
    """A model's table: the first `choice` share of the items is right by choice, the first `likelihood` share by likelihood."""
    table = []
    noise = np.random.default_rng(round(1000 * abs(logprob + choice))).normal(0, 0.2, N)
    for number in range(N):
        by_choice, above = number < choice * N, number < likelihood * N
        table.append(
            {
                "item": f"{kind}:{number}", "kind": kind, "family": "facts", "reason": None, "answered": by_choice,
                "correct_by_choice": by_choice, "correct_by_likelihood": above, "logit_difference": 1.0 if above else -1.0,
                "answer_logprob": logprob + noise[number], "rank": 0,
            }
        )  # fmt: skip
    return table


def changed(kind: str = "knowledge", **models: list[dict[str, Any]]) -> AnswerChange:
    kinds, _ = behaviour_change(models, items(kind), draws=300, seed=0)
    return kinds[kind]


def change_of(measure: Contrasted) -> Estimated:
    assert measure.change is not None
    return measure.change


BASE = {"choice": 0.9, "likelihood": 0.9, "logprob": -2.0}
WORSE = {"choice": 0.5, "likelihood": 0.6, "logprob": -4.0}


def test_every_measure_is_counted_on_its_own() -> None:
    before, after = rows("knowledge", **BASE), rows("knowledge", choice=0.5, likelihood=0.8, logprob=-1.0)
    summary = changed(base=before, distilled=after)
    for name, column in (("by_choice", "correct_by_choice"), ("by_likelihood", "correct_by_likelihood")):
        expected = np.mean([a[column] - b[column] for a, b in zip(after, before, strict=True)])
        assert change_of(summary.measure(name)).value == pytest.approx(expected)
    assert summary.accuracy.change == summary.by_choice.change
    assert change_of(summary.by_likelihood).value == pytest.approx(-0.1)
    assert summary.decided_by == {"by_choice": N}


def test_a_loss_that_all_measures_show_is_claimed() -> None:
    summary = changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **WORSE))
    assert claimed(summary) == -1
    assert set(summary.agreement["change"].signs) == {"by_choice", "by_likelihood", "logit_difference", "answer_logprob"}  # fmt: skip
    assert summary.agreement["change"].sign == -1 and not summary.agreement["change"].opposite


def test_one_measure_that_denies_it_is_enough_to_claim_nothing() -> None:
    after = rows("knowledge", choice=0.5, likelihood=0.6, logprob=-1.5)
    summary = changed(base=rows("knowledge", **BASE), distilled=after)
    assert change_of(summary.by_choice).side == -1 and claimed(summary) == 0
    assert summary.agreement["change"].opposite and summary.agreement["change"].signs["answer_logprob"] == 1
    assert [part.lack for part in lacking(summary, -1)] == ["disagree"]


def test_what_the_control_control_loses_as_well_is_held_against_every_measure_too() -> None:
    """By choice it loses more than its control, by log-probability less: what every measure shows against the base is no claim."""
    control = rows("knowledge", choice=0.8, likelihood=0.8, logprob=-4.5)
    summary = changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **WORSE), control=control)
    beyond = summary.by_choice.difference_in_differences
    assert beyond is not None and beyond.side == -1 and claimed(summary) == 0
    assert summary.agreement["change"].sign == -1 and summary.agreement["difference_in_differences"].opposite
    assert [(part.contrast, part.lack) for part in lacking(summary, -1)] == [("difference_in_differences", "disagree")]


MEASURES = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")
NOISE_UP, NOISE_DOWN, ZERO = (0.11, -0.99, 1.17), (-0.04, -1.2, 0.95), (0.0, -0.1, 0.1)


def estimates(*of_measures: Three, beyond: tuple[Three, ...] = ()) -> AnswerChange:
    """A kind of which each of the four measures has the given change, and with a control the given one beyond it."""
    measures = [contrasted(change, beyond[place] if beyond else None) for place, change in enumerate(of_measures)]
    return answer_change(accuracy=measures[0], **dict(zip(MEASURES, measures, strict=True)))


@pytest.mark.parametrize("noise", [NOISE_UP, NOISE_DOWN, ZERO, (0.0, None, None), (-0.3, None, None)])
def test_an_interval_around_0_neither_denies_a_change_nor_shows_it(noise: Three) -> None:
    """Whichever sign its point estimate has: of two like runs one must not disagree and the other claim."""
    summary = estimates(DOWN, DOWN, DOWN, noise)
    assert claimed(summary) == 0
    shown = summary.agreement["change"]
    assert (shown.sign, shown.opposite) == (0, False)
    assert shown.signs == dict(zip(MEASURES, (-1, -1, -1, 0), strict=True))
    beyond = estimates(*[DOWN] * 4, beyond=(DOWN, DOWN, noise, noise))
    assert claimed(beyond) == 0 and not any(entry.opposite for entry in beyond.agreement.values())
    assert lacking(beyond, -1) == (
        Lacking(contrast="difference_in_differences", lack="not-by-all", measures=MEASURES[2:]),
    )


@pytest.mark.parametrize(("sides", "claim"), [((UP,), 1), ((DOWN,), -1), ((UP, UP), 1), ((UP, DOWN), 0), ((DOWN, UP), 0), ((UP, NOISE_UP), 0), ((ZERO, UP), 0)])  # fmt: skip
def test_all_measures_must_show_it_on_one_side_and_against_a_control_too(sides: tuple[Three, ...], claim: int) -> None:
    change, *beyond = sides
    summary = estimates(*[change] * 4, beyond=tuple(beyond * 4))
    assert claimed(summary) == claim and not any(entry.opposite for entry in summary.agreement.values())


def test_a_measure_that_was_not_taken_is_not_asked_for() -> None:
    """Items without choices."""
    fall = contrasted(DOWN)
    summary = answer_change(accuracy=fall, by_likelihood=fall, logit_difference=fall, answer_logprob=fall)
    summary = summary.model_copy(update={"decided_by": {"by_likelihood": 40}})
    assert claimed(summary) == -1 and list(agreement(summary)["change"].signs) == list(MEASURES[1:])


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (estimates(*[NOISE_UP] * 4), 1),
        (estimates(*[UP] * 4), 1),
        (estimates(*[DOWN] * 4), 0),
        # One that shows the opposite, and none that shows anything else.
        (estimates(ZERO, NOISE_UP, ZERO, DOWN), 0),
        (estimates(ZERO, NOISE_UP, UP, DOWN), 1),
        (estimates(*[ZERO] * 3, DOWN, beyond=(UP, ZERO, ZERO, ZERO)), 1),
        (estimates(*[ZERO] * 4, beyond=(DOWN, ZERO, ZERO, ZERO)), 0),
        (AnswerChange(), 1),
    ],
)
def test_generated_answers_are_held_back_where_all_that_is_shown_at_the_prompts_is_the_opposite(
    prompts: AnswerChange, words: int
) -> None:
    assert claimed_by_generated(contrasted(UP), prompts) == words


def test_families_are_told_like_their_kind() -> None:
    tables = {"base": rows("knowledge", **BASE), "distilled": rows("knowledge", **WORSE)}
    kinds, (family,) = behaviour_change(tables, items(), draws=300, seed=0)
    assert (family.kind, family.family) == ("knowledge", "facts")
    assert AnswerChange(**{name: getattr(family, name) for name in AnswerChange.model_fields}) == kinds["knowledge"], (
        "one family is all of the kind"
    )


def test_no_change_at_all_is_no_disagreement() -> None:
    same = rows("knowledge", **BASE)
    summary = changed(base=same, distilled=same)
    assert claimed(summary) == 0 and not summary.agreement["change"].opposite


def test_a_claim_does_not_stand_on_one_accuracy_alone() -> None:
    bare = answer_change(accuracy=contrasted(DOWN)).model_copy(update={"decided_by": {"first_token": 40}})
    assert claimed(bare) == 0


def test_items_that_are_decided_otherwise_under_another_tokenizer_are_not_paired() -> None:
    after = rows("knowledge", **WORSE)
    for row in after[:10]:
        row["correct_by_choice"] = None
    summary = changed(base=rows("knowledge", **BASE), distilled=after)
    assert change_of(summary.accuracy).n_items == N - 10
    assert change_of(summary.by_likelihood).n_items == N


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ({"choice": 0.5, "likelihood": 0.6, "logprob": -1.5}, "no-loss-shown"),
        (WORSE, "loss-unshared"),
    ],
)
def test_lost_knowledge_is_a_part_of_the_story_only_where_measures_agree(after: dict[str, Any], code: str) -> None:
    better = rows("reasoning", choice=0.9, likelihood=0.9, logprob=-2)
    gained = changed("reasoning", base=rows("reasoning", **WORSE), distilled=better)
    lost = changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **after))
    case = comparison_of(ComparedKind(**dict(gained)), ComparedKind(**dict(lost)), contrasted((0.4, 0.2, 0.6)))
    assert code in [reason.code for reason in case.verdict.reasons]
