"""In which ways is a problem put to a model? Bare, after answered examples, after examples that think."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

from strata.experiments.generated_answers.problems import Lesson, examples_for
from strata.experiments.generated_answers.traces import think_text

if TYPE_CHECKING:
    from strata.experiments.results.table import Value

Prompting = Literal["question_only", "few_shot", "chain_of_thought"]
PROMPTS: tuple[Prompting, ...] = get_args(Prompting)
_SHOWN: dict[Prompting, int] = {"question_only": 0, "few_shot": 6, "chain_of_thought": 3}


def ask(lesson: Lesson, way: Prompting) -> str:
    """The lesson's question as a prompt. Examples are of its family and difficulty, worded alike, never test instances.

    `few_shot` shows six examples with their answers, `chain_of_thought` three with the teacher's steps as well: an untrained
    model's fair chances at the same task.
    """
    shown = _examples(lesson.family, lesson.difficulty, lesson.template)[: _SHOWN[way]]
    others: Sequence[Lesson] = [example for example in shown if example.cluster != lesson.cluster]
    before = "".join(
        f"{example.question}{think_text(example) if way == 'chain_of_thought' else f' {example.answer}'}\n"
        for example in others
    )
    return before + lesson.question


@cache
def _examples(family: str, difficulty: int, template: str) -> tuple[Lesson, ...]:
    return tuple(examples_for(family, difficulty, template, max(_SHOWN.values())))


def best_way(rows: Sequence[Mapping[str, Value]]) -> Prompting:
    """The way with the most right answers among those that were asked; the first of equals."""
    there = {row["prompt"] for row in rows}
    return max(
        [way for way in PROMPTS if way in there] or PROMPTS,
        key=lambda way: sum(row["right"] is True for row in rows if row["prompt"] == way),
    )
