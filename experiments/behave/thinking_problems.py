"""Which problems are thought about? Built-in ones whose steps a program wrote, facts of closed tables, or a file's items."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from strata.experiments.generated_answers.problems import Lesson, Split, evaluation_lessons, families_of, lessons
from strata.experiments.generated_answers.true_steps import Judge, judge_by_table, judge_of
from strata.experiments.items.builtin import chosen
from strata.experiments.items.entity import entity_of
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import Item, Kind

Of = TypeVar("Of")
_SPLITS: tuple[Split, ...] = ("test", "other")
"""Instances that the shipped thinking model was not trained on, then families that it was not."""


@dataclass(frozen=True)
class ThinkingProblem:
    """One problem, with the steps to its answer where somebody wrote them."""

    id: str
    kind: Kind
    family: str
    cluster: str
    """Entity or operands: the unit that is resampled."""
    question: str
    """Text up to the answer, without what a framing puts before it."""
    answer: str
    """Without a space before it."""
    choices: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """Empty: nobody wrote any."""
    relation: str = ""
    """The closed table of facts that its answer stands in; empty: another source."""
    subject: str = ""
    """What the table is asked about."""

    @property
    def judge(self) -> Judge:
        """Reads the steps of a chain that was written for it."""
        if self.relation:
            return judge_by_table(self.relation, self.subject)
        return judge_of(self.family, self.question)


def thinking_problems(
    items: Sequence[Item], families: Sequence[str], *, from_file: bool, problems: int, facts: int, seed: int
) -> list[ThinkingProblem]:
    """At most `problems` to reason about and `facts` to know, families in turn.

    `items`: the run's own, without a framing; with `from_file` all problems are among them, else those to reason about are built in,
    those of `families` alone where these name any.
    """
    asked = list(map(_of_item, items))
    known = round_robin((one for one in asked if one.kind == "knowledge"), _family)[:facts]
    if from_file:
        worked_out = (one for one in asked if one.kind in ("reasoning", "composite"))
        return [*round_robin(worked_out, _family)[:problems], *known]
    return [*map(_of_lesson, _lessons(families, problems, seed)), *known]


def _lessons(families: Sequence[str], n: int, seed: int) -> list[Lesson]:
    if n == 0:
        return []
    if not families:
        return lessons(_SPLITS[0], seed=seed, n=n)
    names = {family.name for family in chosen(families)}
    made = [
        lesson
        for split in _SPLITS
        if names & set(families_of(split))
        for lesson in evaluation_lessons(split, seed=seed, per_family=n)
        if lesson.family in names
    ]
    return round_robin(made, _family)[:n]


def _family(one: Lesson | ThinkingProblem) -> str:
    return one.family


def with_others(members: Sequence[Of], problem_of: Callable[[Of], ThinkingProblem]) -> Iterator[tuple[Of, list[Of]]]:
    """Each, family by family, with the others of its family whose cluster is another one; the next one first."""
    families: dict[tuple[str, str], list[Of]] = defaultdict(list)
    for member in members:
        families[problem_of(member).kind, problem_of(member).family].append(member)
    for family in families.values():
        for place, one in enumerate(family):
            turned = [*family[place + 1 :], *family[:place]]
            yield one, [it for it in turned if problem_of(it).cluster != problem_of(one).cluster]


def _of_lesson(lesson: Lesson) -> ThinkingProblem:
    return ThinkingProblem(
        lesson.id, "reasoning", lesson.family, lesson.cluster, lesson.question, lesson.answer, lesson.choices, lesson.steps
    )  # fmt: skip


def _of_item(item: Item) -> ThinkingProblem:
    steps = item.extra.get("steps")
    written = tuple(step for step in steps if isinstance(step, str)) if isinstance(steps, list) else ()
    relation, subject = item.extra.get("relation"), item.extra.get("subject")
    in_table = item.kind == "knowledge" and item.source == "built-in" and isinstance(relation, str)
    return ThinkingProblem(
        item.id, item.kind, item.family, entity_of(item), item.prompt, item.answer.strip(),
        tuple(choice.strip() for choice in item.choices), written,
        relation=str(relation) if in_table else "", subject=str(subject) if in_table else "",
    )  # fmt: skip
