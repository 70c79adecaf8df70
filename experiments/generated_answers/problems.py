"""Which problems are trained on, which are only asked? Splits that share no instance, traces checked one by one."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count, cycle
from random import Random
from typing import Literal, get_args

from strata.experiments.generated_answers.check_trace import fault_of
from strata.experiments.items.reasoning import arithmetic, binding, lists, logic
from strata.experiments.items.reasoning.frame import Problem, Task, Template, render, seeded, vocabulary
from strata.experiments.items.reasoning.worked_steps import steps_of

Split = Literal["train", "test", "harder", "other"]
SPLITS: tuple[Split, ...] = get_args(Split)
ABOUT: dict[Split, str] = {
    "train": "trained on",
    "test": "trained families and difficulties, unseen instances",
    "harder": "trained families, a difficulty that was never trained on",
    "other": "families that were never trained on",
}
_TRAINED: dict[str, tuple[int, ...]] = {
    "addition": (1, 2),
    "addition_carry": (1,),
    "subtraction": (1, 2),
    "comparison": (1, 2),
    "counting": (1, 2),
    "majority": (1, 2),
    "indexing": (1, 2),
    "binding": (1, 2),
    "relation_chain": (1, 2, 3),
    "ordering": (1, 2),
}
_HARDER: dict[str, tuple[int, ...]] = {
    "addition": (3,), "addition_carry": (2,), "subtraction": (3,), "comparison": (3,), "counting": (3,),
    "majority": (3,), "indexing": (3,), "binding": (3,), "relation_chain": (4,), "ordering": (3,),
}  # fmt: skip
_OTHER: dict[str, tuple[int, ...]] = {"modular": (1,), "next_in_list": (1,), "deduction": (1, 2), "boolean": (1, 2)}
_TASKS = {task.name: task for module in (arithmetic, lists, logic, binding) for task in module.TASKS}
_WITH_EXAMPLES = 0.25
"""Share of training problems that follow worked examples, so that the habit survives a prompt that has some."""
_EXAMPLES = 2
_LONGEST = 60
"""Questions of more characters go without worked examples, which would make them three times as long."""
_ATTEMPTS = 400


@dataclass(frozen=True)
class Lesson:
    """One problem with its trace. The cluster is what no two splits share."""

    id: str
    family: str
    difficulty: int
    split: Split
    cluster: str
    """Family and operands, as in the built-in items."""
    template: str
    """Id of the template."""
    question: str
    """Text up to the answer, without worked examples."""
    before: str
    """Worked examples in front of it, answers only; mostly empty."""
    steps: tuple[str, ...]
    answer: str
    choices: tuple[str, ...]

    @property
    def prompt(self) -> str:
        return self.before + self.question


def in_training(cluster: str) -> bool:
    """Whether problems of this cluster (an item's `cluster`) may have been trained on; the same for every seed."""
    return cluster.partition(":")[0] in _TRAINED and _draw_of(cluster) != 0


def lessons(split: Split, *, seed: int, n: int) -> list[Lesson]:
    """`n` lessons, families and difficulties in turn; the same for the same arguments.

    In `train` problems come back where a family has few; the other splits ask every question once and give fewer
    than `n` where there are no more. Raises ValueError for a trace that its check finds wrong.
    """
    cells = cells_of(split)
    sources = {cell: _stream(split, *cell, seed) for cell in cells}
    drawn: list[Lesson] = []
    open_cells = list(cells)
    for cell in cycle(cells):
        if len(drawn) >= n or not open_cells:
            return drawn
        if cell in open_cells:
            lesson = next(sources[cell], None)
            if lesson is None:
                open_cells.remove(cell)
            else:
                drawn.append(lesson)
    return drawn


def evaluation_lessons(split: Split, *, seed: int, per_family: int) -> list[Lesson]:
    """At most `per_family` lessons of every family of a split that isn't trained on."""
    taken: dict[str, int] = defaultdict(int)
    selected = []
    for lesson in lessons(split, seed=seed, n=per_family * len(cells_of(split))):
        if taken[lesson.family] < per_family:
            taken[lesson.family] += 1
            selected.append(lesson)
    return selected


def cells_of(split: Split) -> list[tuple[str, int]]:
    """The (family, difficulty) pairs of a split, in the order in which its lessons come."""
    courses = {"train": _TRAINED, "test": _TRAINED, "harder": _HARDER, "other": _OTHER}[split]
    return [(family, level) for family, levels in courses.items() for level in levels]


def families_of(split: Split) -> list[str]:
    return list(dict.fromkeys(family for family, _ in cells_of(split)))


def _stream(split: Split, family: str, level: int, seed: int) -> Iterator[Lesson]:
    task = _TASKS[family]
    words = vocabulary(task, None)
    answers = list(task.answers(level, words))
    seen: set[str] = set()
    for turn in count():
        rng = seeded(seed, "distill", split, family, level, turn)
        template = task.templates[turn % len(task.templates)]
        for _ in range(_ATTEMPTS):
            problem = task.draw(rng, rng.choice(answers), level, words)
            if problem is None or not _belongs(split, _cluster(task, problem)):
                continue
            question = render(template, problem.clean).text
            if split == "train" or question not in seen:
                seen.add(question)
                shown = split == "train" and len(question) <= _LONGEST and rng.random() < _WITH_EXAMPLES
                before = _worked(rng, task, template, level, question) if shown else ""
                yield _lesson(task, problem, split, level, template, before, turn)
                break
        else:
            return


def _belongs(split: Split, cluster: str) -> bool:
    return {"train": in_training(cluster), "test": not in_training(cluster)}.get(split, True)


def _cluster(task: Task, problem: Problem) -> str:
    return f"{task.name}:{problem.cluster}"


def _worked(rng: Random, task: Task, template: Template, level: int, asked: str) -> str:
    """Worked examples from the training instances only, for a shown answer is a trained one, and not what is `asked`."""
    words = vocabulary(task, None)
    answers, shown = list(task.answers(level, words)), ""
    made = 0
    for _ in range(_ATTEMPTS):
        if made == _EXAMPLES:
            break
        problem = task.draw(rng, rng.choice(answers), level, words)
        if problem is not None and in_training(_cluster(task, problem)):
            text = render(template, problem.clean).text
            if text != asked:
                shown += f"{text} {problem.clean.answer}{template.after}"
                made += 1
    return shown


def examples_for(family: str, difficulty: int, template: str, n: int) -> list[Lesson]:
    """`n` different problems to show as worked examples, with answers spread over the family's; never a test instance."""
    task = _TASKS[family]
    words = vocabulary(task, None)
    answers = list(task.answers(difficulty, words))
    chosen = next(candidate for candidate in task.templates if candidate.id == template)
    by_question: dict[str, Lesson] = {}
    for turn in range(_ATTEMPTS):
        if len(by_question) == n:
            break
        rng = seeded("distill", "examples", family, difficulty, template, turn)
        problem = task.draw(rng, answers[len(by_question) % len(answers)], difficulty, words)
        if problem is not None and _shown(_cluster(task, problem)):
            lesson = _lesson(task, problem, "train", difficulty, chosen, "", turn)
            by_question.setdefault(lesson.question, lesson)
    shown = list(by_question.values())
    seeded("distill", "examples", family, difficulty, template).shuffle(shown)
    return shown


def _shown(cluster: str) -> bool:
    """Instances that `test` may ask are never shown."""
    return _draw_of(cluster) != 0


def _draw_of(cluster: str) -> int:
    return hashlib.sha256(cluster.encode()).digest()[0] % 5


def _lesson(
    task: Task, problem: Problem, split: Split, level: int, template: Template, before: str, turn: int
) -> Lesson:
    question = render(template, problem.clean).text
    steps, answer = steps_of(task.name, problem.clean), problem.clean.answer
    fault = fault_of(task.name, question, steps, answer)
    if fault:
        raise ValueError(f"{task.name} {level}: {fault}: {question!r} {steps} {answer}")
    return Lesson(
        f"{split}.{task.name}.{level}.{turn:05d}", task.name, level, split, _cluster(task, problem), template.id,
        question, before, steps, answer, problem.choices,
    )  # fmt: skip


def lessons_sha256(made: Sequence[Lesson]) -> str:
    """Over every field, in order."""
    digest = hashlib.sha256()
    for lesson in made:
        digest.update(json.dumps(asdict(lesson), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
