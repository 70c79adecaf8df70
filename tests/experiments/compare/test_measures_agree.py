"""A gain or a loss is claimed only where every measure of the answers shows it, against the base and the control."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from strata.experiments.compare.agreement_words import disagreement, shown_by
from strata.experiments.compare.behaviour_change import behaviour_change
from strata.experiments.compare.claims import claims
from strata.experiments.compare.decision import hypothesis_of
from strata.experiments.compare.format_change import format_instead, next_tokens, opens_tag
from strata.experiments.compare.measure_agreement import agreement, claimed, claimed_by_generated
from strata.experiments.items.schema import Item

N = 40


def items(kind: Any = "knowledge") -> list[Item]:
    return [
        Item(
            id=f"{kind}:{number}", kind=kind, family="facts", domain="", prompt=f"{number} is", answer=" a", foil_prompt="",
            foil=" b", cluster=str(number), template="plain", choices=(" a", " b", " c", " d"),
        )
        for number in range(N)
    ]  # fmt: skip


def rows(
    kind: str, *, choice: float, likelihood: float, logprob: float, next_token: str | None = " a"
) -> list[dict[str, Any]]:
    """A model's table: the first `choice` share of the items is right by choice, the first `likelihood` share by likelihood."""
    table = []
    noise = np.random.default_rng(round(1000 * abs(logprob + choice))).normal(0, 0.2, N)
    for number in range(N):
        by_choice, above = number < choice * N, number < likelihood * N
        table.append(
            {
                "item": f"{kind}:{number}", "kind": kind, "family": "facts", "reason": None, "answered": by_choice,
                "correct_by_choice": by_choice, "correct_by_likelihood": above, "logit_difference": 1.0 if above else -1.0,
                "answer_logprob": logprob + noise[number], "rank": 0, "next_token": next_token,
            }
        )  # fmt: skip
    return table


def changed(kind: str = "knowledge", **models: list[dict[str, Any]]) -> dict[str, Any]:
    kinds, _ = behaviour_change(models, items(kind), draws=300, seed=0)
    return kinds[kind]


BASE = {"choice": 0.9, "likelihood": 0.9, "logprob": -2.0}
WORSE = {"choice": 0.5, "likelihood": 0.6, "logprob": -4.0}


def test_every_measure_is_counted_on_its_own() -> None:
    before, after = rows("knowledge", **BASE), rows("knowledge", choice=0.5, likelihood=0.8, logprob=-1.0)
    summary = changed(base=before, distilled=after)
    for name, column in (("by_choice", "correct_by_choice"), ("by_likelihood", "correct_by_likelihood")):
        expected = np.mean([a[column] - b[column] for a, b in zip(after, before, strict=True)])
        assert summary[name]["change"]["value"] == pytest.approx(expected)
    assert summary["accuracy"]["change"] == summary["by_choice"]["change"]
    assert summary["by_likelihood"]["change"]["value"] == pytest.approx(-0.1)
    assert summary["decided_by"] == {"by_choice": N}


def test_a_loss_that_all_measures_show_is_claimed() -> None:
    summary = changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **WORSE))
    assert claimed(summary) == summary["claimed"] == -1 and disagreement(summary) is None and shown_by(summary) is None
    assert set(agreement(summary)["change"]["signs"]) == {"by_choice", "by_likelihood", "logit_difference", "answer_logprob"}  # fmt: skip
    assert agreement(summary)["change"]["sign"] == -1


def test_one_measure_that_denies_it_is_enough_to_claim_nothing() -> None:
    after = rows("knowledge", choice=0.5, likelihood=0.6, logprob=-1.5)
    summary = changed(base=rows("knowledge", **BASE), distilled=after)
    assert summary["by_choice"]["change"]["high"] < 0 and claimed(summary) == 0
    sentence = disagreement(summary)
    assert sentence is not None and sentence.startswith("against the base: accuracy by choice −40.0 points [−")
    assert "log-probability of the answer +0.5" in sentence and " nats [+0." in sentence


def test_what_the_control_control_loses_as_well_is_held_against_every_measure_too() -> None:
    """By choice it loses more than its control, by log-probability less: what every measure shows against the base is no claim."""
    control = rows("knowledge", choice=0.8, likelihood=0.8, logprob=-4.5)
    summary = changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **WORSE), control=control)
    assert summary["by_choice"]["difference_in_differences"]["high"] < 0 and claimed(summary) == 0
    sentence = disagreement(summary)
    assert (
        sentence is not None
        and sentence.startswith("against the control model: ")
        and "against the base" not in sentence
    )
    assert shown_by(summary) == "against the base a fall is shown by every measure"


MEASURES = ("by_choice", "by_likelihood", "logit_difference", "answer_logprob")
UP, DOWN, NOISE_UP, NOISE_DOWN, ZERO = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.11, -0.99, 1.17), (-0.04, -1.2, 0.95), (0.0, -0.1, 0.1)  # fmt: skip
Three = tuple[float, float | None, float | None]


def estimates(*of_measures: Three, beyond: tuple[Three, ...] = ()) -> dict[str, Any]:
    """A kind of which each of the four measures has the given change, and with a control the given one beyond it."""
    summary: dict[str, Any] = {"decided_by": {"by_choice": 40}}
    for place, name in enumerate(MEASURES):
        change = dict(zip(("value", "low", "high"), of_measures[place], strict=True))
        past = dict(zip(("value", "low", "high"), beyond[place], strict=True)) if beyond else None
        summary[name] = {"change": change, "control_change": None, "difference_in_differences": past}
    return summary | {"accuracy": summary["by_choice"]}


@pytest.mark.parametrize("noise", [NOISE_UP, NOISE_DOWN, ZERO, (0.0, None, None), (-0.3, None, None)])
def test_an_interval_around_0_neither_denies_a_change_nor_shows_it(noise: Three) -> None:
    """Whichever sign its point estimate has: of two like runs one must not disagree and the other claim."""
    summary = estimates(DOWN, DOWN, DOWN, noise)
    assert claimed(summary) == 0 and disagreement(summary) is None
    assert agreement(summary)["change"] == {
        "sign": 0,
        "opposite": False,
        "signs": dict(zip(MEASURES, (-1, -1, -1, 0), strict=True)),
    }
    assert shown_by(summary) == (
        "against the base a fall is shown by accuracy by choice, accuracy by likelihood, logit difference, not shown by "
        "log-probability of the answer"
    )
    beyond = estimates(*[DOWN] * 4, beyond=(DOWN, DOWN, noise, noise))
    assert claimed(beyond) == 0 and disagreement(beyond) is None
    assert shown_by(beyond) == (
        "against the base a fall is shown by every measure; against the control model a fall is shown by accuracy by choice, "
        "accuracy by likelihood, not shown by logit difference, log-probability of the answer"
    )


@pytest.mark.parametrize(("sides", "claim"), [((UP,), 1), ((DOWN,), -1), ((UP, UP), 1), ((UP, DOWN), 0), ((DOWN, UP), 0), ((UP, NOISE_UP), 0), ((ZERO, UP), 0)])  # fmt: skip
def test_all_measures_must_show_it_on_one_side_and_against_a_control_too(sides: tuple[Three, ...], claim: int) -> None:
    change, *beyond = sides
    summary = estimates(*[change] * 4, beyond=tuple(beyond * 4))
    assert claimed(summary) == claim and disagreement(summary) is None


def test_only_intervals_on_opposite_sides_of_0_disagree_and_only_they_are_named() -> None:
    sentence = disagreement(estimates(NOISE_DOWN, ZERO, (3.62, 1.76, 5.51), (-7.17, -9.12, -5.27)))
    assert sentence == (
        "against the base: logit difference +3.62 [+1.76, +5.51], log-probability of the answer −7.17 nats [−9.12, −5.27]"
    )
    assert disagreement(estimates(UP, UP, NOISE_DOWN, NOISE_DOWN)) is None


def test_a_measure_that_was_not_taken_is_not_asked_for() -> None:
    """Items without choices."""
    summary = estimates(*[DOWN] * 4)
    summary |= {
        "by_choice": dict.fromkeys(("change", "control_change", "difference_in_differences")),
        "accuracy": summary["by_likelihood"],
    }
    summary |= {"decided_by": {"by_likelihood": 40}}
    assert claimed(summary) == -1 and list(agreement(summary)["change"]["signs"]) == list(MEASURES[1:])


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
        ({}, 1),
    ],
)
def test_generated_answers_are_held_back_where_all_that_is_shown_at_the_prompts_is_the_opposite(
    prompts: dict[str, Any], words: int
) -> None:
    assert claimed_by_generated(estimates(*[UP] * 4)["accuracy"], prompts) == words


def test_families_carry_no_claim() -> None:
    tables = {"base": rows("knowledge", **BASE), "distilled": rows("knowledge", **WORSE)}
    kinds, (family,) = behaviour_change(tables, items(), draws=300, seed=0)
    assert kinds["knowledge"]["claimed"] == -1 and "claimed" not in family
    assert family["agreement"] == kinds["knowledge"]["agreement"], "one family is all of the kind"


def test_no_change_at_all_is_no_disagreement() -> None:
    same = rows("knowledge", **BASE)
    summary = changed(base=same, distilled=same)
    assert claimed(summary) == 0 and disagreement(summary) is None
    assert not agreement(summary)["change"]["opposite"]


def test_a_claim_does_not_stand_on_one_accuracy_alone() -> None:
    bare = {"change": {"value": -0.2, "low": -0.3, "high": -0.1}, "difference_in_differences": None}
    assert claimed({"accuracy": bare, "decided_by": {"by_choice": 40}}) == 0


def test_items_that_are_decided_otherwise_under_another_tokenizer_are_not_paired() -> None:
    after = rows("knowledge", **WORSE)
    for row in after[:10]:
        row["correct_by_choice"] = None
    summary = changed(base=rows("knowledge", **BASE), distilled=after)
    assert summary["accuracy"]["change"]["n_items"] == N - 10
    assert summary["by_likelihood"]["change"]["n_items"] == N


def hypothesis(knowledge: dict[str, Any]) -> dict[str, Any]:
    up = {"value": 0.4, "low": 0.2, "high": 0.6}
    words = {"test": {"about": "", "prompt": {}, "accuracy": {"change": up, "difference_in_differences": None}}}
    gained = changed(
        "reasoning",
        base=rows("reasoning", **WORSE),
        distilled=rows("reasoning", choice=0.9, likelihood=0.9, logprob=-2),
    )
    kinds = {"knowledge": knowledge, "reasoning": gained}
    return {
        "kinds": {
            name: {**summary, "location_change": {}, "upper_minus_lower": {}, "located": {}}
            for name, summary in kinds.items()
        },
        "order": {"base": {"verdict": "undetermined"}},
        "generated": words,
    }


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (
            {"choice": 0.5, "likelihood": 0.6, "logprob": -1.5},
            "no loss of knowledge is shown against the base (the measures disagree)",
        ),
        ({**WORSE, "next_token": "<think>"}, "likeliest next token opens a tag"),
        (WORSE, "which half of the blocks brings the loss of knowledge is not shown"),
    ],
)
def test_lost_knowledge_is_a_part_of_the_story_only_where_measures_agree_and_the_format_is_the_same(
    after: dict[str, Any], expected: str
) -> None:
    summary = hypothesis(changed(base=rows("knowledge", **BASE), distilled=rows("knowledge", **after)))
    assert expected in hypothesis_of(summary)[1]
    assert "took" not in " ".join(claims(summary)["sentences"])


def test_measures_that_disagree_are_named_with_what_each_says() -> None:
    summary = changed(
        base=rows("knowledge", **BASE), distilled=rows("knowledge", choice=0.5, likelihood=0.95, logprob=-1)
    )
    (sentence,) = (
        line
        for line in claims(hypothesis(summary))["sentences"]
        if line.startswith("Knowledge at these prompts, accuracy by")
    )
    assert (
        "The measures disagree: against the base: accuracy by choice −40.0 points [−55.0, −25.0], log-prob" in sentence
    ), sentence
    assert "+5.0" not in sentence, "its interval holds 0"
    assert sentence.endswith("So neither a gain nor a loss is claimed.")


def test_a_model_that_opens_a_tag_where_it_should_answer_is_told_with_the_counts() -> None:
    before, after = rows("knowledge", **BASE), rows("knowledge", **WORSE, next_token=" <")
    after[0]["next_token"] = None  # behind a start that answer and foil share nothing is known
    summary = changed(base=before, distilled=after)
    assert summary["next_token"]["distilled"] == {"known": N - 1, "opening": N - 1, "token": " <"}
    sentence = format_instead("knowledge", summary)
    assert (
        sentence is not None
        and f"on {N - 1} of {N - 1} knowledge prompts of which it is known ({N} were asked)" in sentence
    )
    assert "base 0" in sentence
    same = changed(base=after, distilled=after)
    assert format_instead("knowledge", same) is None
    assert next_tokens({"base": [{"next_token": None}]})["base"]["known"] == 0


@pytest.mark.parametrize("token", ["<think>", " <", "<", "[THINK]", "<|begin_of_thought|>", "<reasoning>", "<think"])
def test_opening_tags_are_known(token: str) -> None:
    assert opens_tag(token)


@pytest.mark.parametrize("token", [" Paris", "</think>", "<|endoftext|>", "<|im_end|>", "< 5", " think", "(", "<=", "[/INST]", "<3", "<eos>", "<unused99>", "<s>"])  # fmt: skip
def test_other_tokens_are_none(token: str) -> None:
    assert not opens_tag(token)
