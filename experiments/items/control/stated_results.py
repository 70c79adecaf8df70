"""R-R0: does the model copy a result that the prompt states, where its partner has to work it out?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.reasoning.arithmetic import ADDITION, CARRY, SUBTRACTION
from strata.experiments.items.reasoning.frame import (
    Problem,
    Side,
    Task,
    Template,
    Vocabulary,
    Wanted,
    checked_level,
    interleaved,
    item_of,
    seeded,
    vocabulary,
    worked_examples,
)
from strata.experiments.items.reasoning.lists import COUNTING, MAJORITY
from strata.experiments.items.reasoning.products import PRODUCT, QUOTIENT
from strata.experiments.items.schema import Item

TASKS: tuple[Task, ...] = (ADDITION, SUBTRACTION, COUNTING, MAJORITY, CARRY, PRODUCT, QUOTIENT)
_OTHERS = 2
"""Worked examples beside the two that hold the results."""
_ATTEMPTS = 60


def pairs(
    task: Task,
    *,
    seed: int,
    n: int,
    difficulty: int | None = None,
    token_length: TokenLength | None = None,
) -> list[tuple[Item, Item]]:
    """At most `n` pairs (reasoning item, control item) that end in the same problem.

    Both prompts show worked examples and then ask. In the control the asked problem and that of the minimal pair
    stand among the examples, so that answering is a copy; in the partner the same places hold other problems
    with the same answers, so that neither length nor vocabulary tells the two apart.
    """
    level = checked_level(task, difficulty)
    words = vocabulary(task, token_length)
    answers = list(task.answers(level, words))
    seeded(seed, task.name, "stated", "answers").shuffle(answers)
    waiting = interleaved(answers, [template for template in task.templates if template.n_examples])
    made: list[tuple[Item, Item]] = []
    seen: set[tuple[str, str, str]] = set()
    turn = 0
    while waiting and len(made) < n:
        wanted = waiting[turn % len(waiting)]
        rng = seeded(seed, task.name, "stated", level, turn)
        pair = _fresh(task, rng, wanted, level, words, token_length, seen, len(made))
        if pair is None:
            del waiting[turn % len(waiting)]
            continue
        made.append(pair)
        turn += 1
    return made


def _fresh(
    task: Task,
    rng: Random,
    wanted: Wanted,
    level: int,
    words: Vocabulary,
    token_length: TokenLength | None,
    seen: set[tuple[str, str, str]],
    index: int,
) -> tuple[Item, Item] | None:
    answer, template = wanted
    for _ in range(_ATTEMPTS):
        problem = task.draw(rng, answer, level, words)
        if problem is None or (template.id, problem.cluster, problem.foil_cluster) in seen:
            continue
        pair = _pair(task, rng, problem, template, level, words, index)
        if pair is None:
            continue
        prompts = [text for item in pair for text in (item.prompt, item.foil_prompt)]
        if token_length is not None and len(set(map(token_length, prompts))) > 1:
            continue
        seen.add((template.id, problem.cluster, problem.foil_cluster))
        return pair
    return None


def _pair(
    task: Task,
    rng: Random,
    problem: Problem,
    template: Template,
    level: int,
    words: Vocabulary,
    index: int,
) -> tuple[Item, Item] | None:
    taken = [problem.cluster, problem.foil_cluster]
    twins: list[Side] = []
    for side in (problem.clean, problem.foil):
        twin = _twin(task, rng, side.answer, level, words, taken)
        if twin is None:
            return None
        taken.append(twin.cluster)
        twins.append(twin.clean)
    others = worked_examples(task, rng, replace(template, n_examples=_OTHERS), level, words, problem, taken)
    if len(others) < _OTHERS:
        return None
    places = rng.sample(range(_OTHERS + 2), 2)

    def shown(first: Side, second: Side) -> list[Side]:
        rest = iter(others)
        held = dict(zip(places, (first, second), strict=True))
        return [held[place] if place in held else next(rest) for place in range(_OTHERS + 2)]

    match = f"{task.name}_stated.{level}.{index:05d}"
    worked = item_of(task, problem, template, shown(twins[0], twins[1]), level, f"{match}.R")
    copied = item_of(task, problem, template, shown(problem.clean, problem.foil), level, f"{match}.R0")
    template_id = f"{task.name}_stated.{template.id}"
    about = {"match": match, "contrast": "R-R0"}
    return (
        replace(worked, template=template_id, extra={**worked.extra, **about}),
        replace(
            copied,
            kind="control",
            family=f"{task.name}_stated",
            template=template_id,
            hops=0,
            extra={**copied.extra, **about, "intermediate": []},
        ),
    )


def _twin(task: Task, rng: Random, answer: str, level: int, words: Vocabulary, taken: list[str]) -> Problem | None:
    """Another problem with this answer."""
    for _ in range(_ATTEMPTS):
        twin = task.draw(rng, answer, level, words)
        if twin is not None and twin.cluster not in taken:
            return twin
    return None


def _build(
    task: Task, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
) -> list[Item]:
    made = pairs(task, seed=seed, n=n, difficulty=difficulty, token_length=token_length)
    return [control for _, control in made]


FAMILIES: tuple[Family, ...] = tuple(
    Family(
        name=f"{task.name}_stated",
        kind="control",
        domain=task.domain,
        about=f"The result is among the worked examples, then asked for: {task.about[0].lower()}{task.about[1:]}",
        build=partial(_build, task),
        difficulties=task.difficulties,
    )
    for task in TASKS
)
