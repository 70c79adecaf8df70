"""A trace that is taught is true, and one that isn't is caught."""

from __future__ import annotations

import re
from functools import cache

import pytest

from strata.experiments.generated_answers import extract_answer, is_right
from strata.experiments.generated_answers.check_trace import evaluate, fault_of
from strata.experiments.generated_answers.problems import SPLITS, Lesson, families_of, lessons
from strata.experiments.generated_answers.traces import think_text

FAMILIES = sorted({family for split in SPLITS for family in families_of(split)})


@cache
def taught() -> list[Lesson]:
    return [lesson for split in SPLITS for lesson in lessons(split, seed=3, n=400)]


def of(family: str) -> list[Lesson]:
    return [lesson for lesson in taught() if lesson.family == family]


@pytest.mark.parametrize(
    ("family", "question", "steps", "answer"),
    [
        ("addition", "7 + 5 =", ("5 = 3 + 2", "7 + 3 = 10", "10 + 2 = 12"), "12"),
        ("subtraction", "13 minus 8 equals", ("8 = 3 + 5", "13 - 3 = 10", "10 - 5 = 5"), "5"),
        ("modular", "Q: What is 7 + 6 modulo 5?\nA:", ("7 + 6 = 13", "13 - 5 = 8", "8 - 5 = 3"), "3"),
        ("comparison", "max(41, 47) =", ("4 = 4", "7 > 1", "47 > 41"), "47"),
        ("counting", "count(cat) in [cat, dog, cat] =", ("cat 1", "dog", "cat 2"), "2"),
        ("majority", "cat dog cat ->", ("cat 1", "dog 1", "cat 2", "2 > 1"), "cat"),
        ("binding", "Let a = 3, b = 7, k = b. Then k =", ("k = b", "b = 7"), "7"),
        ("relation_chain", "Mir's friend: Sel, Sel's friend: Dor. Mir's friend's friend:", ("Mir -> Sel", "Sel -> Dor"), "Dor"),
        ("ordering", "Ben is shorter than Tom. Ben is taller than Ann. The tallest is", ("Tom > Ben", "Ben > Ann", "Tom > Ben > Ann"), "Tom"),
        ("boolean", "(True and False) or not False =", ("not False = True", "True and False = False", "False or True = True"), "True"),
    ],
)  # fmt: skip
def test_traces_worked_out_by_hand_are_true(family: str, question: str, steps: tuple[str, ...], answer: str) -> None:
    assert fault_of(family, question, steps, answer) is None
    assert fault_of(family, question, steps, answer + "0") is not None
    assert fault_of(family, question, steps[:-1], answer) is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_every_taught_trace_is_true_and_no_spoilt_one_passes(family: str) -> None:
    assert of(family)
    for lesson in of(family):
        check = (lesson.family, lesson.question)
        assert fault_of(*check, lesson.steps, lesson.answer) is None
        wrong = next(choice for choice in (*lesson.choices, "Nobody") if choice != lesson.answer)
        assert fault_of(*check, lesson.steps, wrong) is not None
        assert fault_of(*check, (), lesson.answer) is not None
        for place in range(len(lesson.steps)):
            spoilt = [*lesson.steps]
            spoilt[place] = _spoilt(spoilt[place])
            assert fault_of(*check, spoilt, lesson.answer) is not None, (lesson.question, spoilt)


def _spoilt(step: str) -> str:
    """The step with its last number, truth value or name exchanged."""
    words = step.split(" ")
    if re.fullmatch(r"\d+ > \d+", step):
        return f"{words[2]} > {words[0]}"
    last = words[-1]
    words[-1] = str(int(last) + 1) if last.isdigit() else {"True": "False", "False": "True"}.get(last, f"{last}x")
    return " ".join(words)


def test_expressions_are_evaluated_and_nothing_else_is() -> None:
    assert evaluate("40 + 13 - 2") == 51
    assert evaluate("not (True and False)") == 1
    for text in ("__import__('os')", "2 ** 9", "a + 1", "1 +", ""):
        with pytest.raises(ValueError):
            evaluate(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_taught_text_is_read_as_its_answer_and_no_other(family: str) -> None:
    for lesson in of(family):
        answer = extract_answer(think_text(lesson) + "\n")
        assert is_right(answer, f" {lesson.answer}", lesson.choices)
        others = [choice for choice in lesson.choices if choice != lesson.answer]
        assert not any(is_right(answer, f" {other}", lesson.choices) for other in others)
