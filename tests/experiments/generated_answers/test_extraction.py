"""A written answer is found where it stands, and judged by what it says."""

from __future__ import annotations

import pytest

from strata.experiments.generated_answers import extract_answer, is_right
from strata.experiments.generated_answers.extraction import NEVER_CLOSED, NOTHING, NOTHING_AFTER


@pytest.mark.parametrize(
    ("text", "value", "chain_of_thought"),
    [
        (" 12\n7 + 5 = 12", "12", None),
        (" <think> 7 + 3 = 10 </think> 12", "12", "7 + 3 = 10"),
        ("7 + 3 = 10 </think>\n\n12.", "12.", "7 + 3 = 10"),
        ("<think>so</think>\nWe add.\nThe answer is **12**.", "12**.", "so"),
        ("<think>so</think> Hence \\boxed{12}.", "12", "so"),
        ("<think>a</think> 3 <think>b</think> 4", "4", "a</think> 3 <think>b"),
    ],
)
def test_the_answer_follows_the_chain_of_thought(text: str, value: str, chain_of_thought: str | None) -> None:
    answer = extract_answer(text)
    assert (answer.value, answer.chain_of_thought, answer.reason) == (value, chain_of_thought, None)


@pytest.mark.parametrize(
    ("text", "opened", "reason"),
    [
        ("<think> 7 + 3 = 10, then", False, NEVER_CLOSED),
        ("7 + 3 = 10, then", True, NEVER_CLOSED),
        ("<think> 7 + 3 </think> \n", False, NOTHING_AFTER),
        ("  \n", False, NOTHING),
    ],
)
def test_a_text_without_an_answer_says_why(text: str, opened: bool, reason: str) -> None:
    answer = extract_answer(text, opened=opened)
    assert answer.value is None and answer.reason == reason
    assert not is_right(answer, " 12")


@pytest.mark.parametrize(
    ("text", "expected", "choices", "right"),
    [
        ("12", " 12", (), True),
        ("12.", " 12", (), True),
        ("12 because 7 + 5", " 12", (), True),
        ("123", " 12", (), False),
        ("12.5", " 12", (), False),
        ("7 + 5 = 12", " 12", (), False),
        ("The sum of 7 and 5 is 12.", " 12", (), True),
        ("The sum is 12, not 13.", " 12", (), False),
        ("tom", " Tom", (" Tom", " Ann"), True),
        ("Tommy", " Tom", (" Tom", " Ann"), False),
        ("It is Tom.", " Tom", (" Tom", " Ann"), True),
        ("It is Tom or Ann.", " Tom", (" Tom", " Ann"), False),
        ("Ann, not Tom", " Tom", (" Tom", " Ann"), False),
        ("It is Tom.", " Tom", (), False),
    ],
)
def test_an_answer_is_judged_by_what_it_says(text: str, expected: str, choices: tuple[str, ...], right: bool) -> None:
    assert is_right(extract_answer(text), expected, choices) is right
