"""Questions inside a chain of thought: every step is true, the pair differs in numbers alone, and the trace is one that is taught."""

from __future__ import annotations

import re

import pytest
from toy_encoders import PieceEncoder

from strata.experiments.generated_answers.check_trace import evaluate
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.builtin import chosen
from strata.experiments.items.chain_of_thought import FAMILIES
from strata.experiments.items.family import Family
from strata.experiments.items.framing import END_THINK, THINK
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError

each_setting = pytest.mark.parametrize(
    ("family", "difficulty"),
    [(family, difficulty) for family in FAMILIES for difficulty in family.difficulties],
    ids=lambda value: value.name if isinstance(value, Family) else str(value),
)


def items_of(family: Family, difficulty: int, n: int = 48) -> list[Item]:
    return family.build(seed=1, n=n, difficulty=difficulty, token_length=PieceEncoder().length)


def open_trace(prompt: str) -> list[str]:
    """The steps after the last opening tag, the last one without its result."""
    return prompt.rsplit(THINK, 1)[1].strip().split(", ")


@each_setting
def test_every_step_of_either_prompt_is_true_and_the_last_one_lacks_its_result(family: Family, difficulty: int) -> None:
    items = items_of(family, difficulty)
    assert len(items) >= 30
    for item in items:
        for prompt, answer in ((item.prompt, item.answer), (item.foil_prompt, item.foil)):
            *before, last = open_trace(prompt)
            for step in (*before, f"{last}{answer}"):
                left, right = step.split(" = ")
                assert evaluate(left) == int(right), prompt
            assert (f"{last}{answer}" in before) is (item.kind == "control"), "only a control holds what is asked for"
            assert prompt.count(THINK) == prompt.count(END_THINK) + 1, "only the last trace is open"


@each_setting
def test_the_two_prompts_differ_in_numbers_alone_and_the_last_replaced_one_is_named(
    family: Family, difficulty: int
) -> None:
    for item in items_of(family, difficulty):
        assert re.sub(r"\d+", "#", item.prompt) == re.sub(r"\d+", "#", item.foil_prompt)
        start, end = item.spans["operand"]
        assert item.prompt[start:end] != item.foil_prompt[slice(*item.foil_spans["operand"])]
        assert item.prompt[end:] == item.foil_prompt[item.foil_spans["operand"][1] :], "nothing behind it differs"
        assert item.prompt[: item.spans["question_operand"][0]] == item.foil_prompt[: item.foil_spans["question_operand"][0]]  # fmt: skip
        assert THINK in item.prompt[item.spans["question_operand"][1] : start], (
            "the one in the question, the other in the trace"
        )
        assert {item.answer, item.foil} <= set(item.choices) and item.answer != item.foil


@each_setting
def test_pairs_are_aligned_and_of_enough_operands(family: Family, difficulty: int) -> None:
    items = items_of(family, difficulty)
    encoded, _ = encode_items(items, PieceEncoder())
    aligned = [one for one in encoded if one.aligned]
    assert len(aligned) >= 24 and len({one.item.cluster for one in aligned}) >= 12
    assert all(one.prompt.positions["operand"] < len(one.prompt.ids) - 1 for one in aligned)


def test_they_can_be_asked_by_name_and_are_no_part_of_what_is_asked_by_default() -> None:
    assert [family.name for family in chosen(["addition_in_trace"])] == ["addition_in_trace"]
    assert not {family.name for family in chosen([])} & {family.name for family in FAMILIES}
    assert {family.name for family in chosen(["reasoning"])} >= {family.name for family in FAMILIES if family.kind == "reasoning"}  # fmt: skip


def test_every_family_has_a_control_of_its_own_and_the_same_seed_gives_the_same_items() -> None:
    names = {family.name for family in FAMILIES}
    for family in FAMILIES:
        assert family.kind == "control" or f"{family.name}_stated" in names
        assert items_of(family, 1, 6) == items_of(family, 1, 6)
    with pytest.raises(StrataError, match="has no difficulty 9"):
        FAMILIES[0].build(seed=0, n=1, difficulty=9)
