"""How a reasoning problem becomes items: templates, worked examples, minimal pairs and balanced answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple, cast

from pydantic import JsonValue

from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.reasoning.text_with_spans import Marked, fill, joined
from strata.experiments.items.schema import Item, Kind
from strata.probes.errors import StrataError

Vocabulary = Mapping[str, tuple[str, ...]]
"""Pools of words by name, each of equal token length once a tokenizer is known."""

_ATTEMPTS = 120
_EXAMPLE_ATTEMPTS = 100


@dataclass(frozen=True)
class Template:
    """One way to put a family's problems into words."""

    id: str
    """Template id."""
    body: str
    """Text of one problem up to its answer; `{lines}` stands for the facts, other fields for the problem's."""
    line: str = ""
    """Text of one fact."""
    between: str = " "
    """What separates facts."""
    n_examples: int = 0
    """Number of worked examples in front of the problem."""
    prefix: str = ""
    """What stands once in front of everything."""
    after: str = "\n"
    """What follows a worked example's answer."""


@dataclass(frozen=True)
class Side:
    """One of the two problems of a minimal pair."""

    answer: str
    """Its answer, without the leading space."""
    fields: Mapping[str, Marked]
    """What fills the template's body."""
    lines: tuple[Mapping[str, Marked], ...] = ()
    """What fills the template's line, fact by fact."""
    operands: tuple[object, ...] = ()
    """What the answer is worked out from."""
    intermediate: tuple[object, ...] = ()
    """Values on the way to the answer, in order."""


@dataclass(frozen=True)
class Problem:
    """A minimal pair: two problems that differ in one replaced word and in their answers."""

    clean: Side
    """The problem that is asked."""
    foil: Side
    """Its partner."""
    cluster: str
    """What must not straddle folds: the operands."""
    foil_cluster: str
    """The same for the partner."""
    choices: tuple[str, ...]
    """Plausible answers, without leading spaces, the answer and the foil among them."""
    hops: int = 1
    """Steps needed."""
    names: frozenset[str] = frozenset()
    """Names given in the problem, which worked examples avoid where the pool allows it."""


Draw = Callable[[Random, str, int, Vocabulary], Problem | None]
"""A random problem with the given answer at the given difficulty; None when this draw came to nothing."""


@dataclass(frozen=True)
class Task:
    """A reasoning family before it is put into words."""

    name: str
    domain: str
    about: str
    templates: tuple[Template, ...]
    difficulties: tuple[int, ...]
    answers: Callable[[int, Vocabulary], Sequence[str]]
    """The answers asked for at a difficulty: the classes of a probe."""
    draw: Draw
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Words to draw from, before they are cut down to equal token length."""
    least: int = 8
    """Words that a pool must keep when it is cut down; otherwise it stays whole."""
    kind: Kind = "reasoning"

    def family(self) -> Family:
        return Family(
            name=self.name,
            kind=self.kind,
            domain=self.domain,
            about=self.about,
            build=partial(build, self),
            difficulties=self.difficulties,
        )


def seeded(*parts: object) -> Random:
    """A random source that depends on nothing but `parts`."""
    return Random(hashlib.sha256("\x1f".join(map(repr, parts)).encode()).digest())


def equal_length(words: Sequence[str], token_length: TokenLength | None, least: int = 1) -> tuple[str, ...]:
    """Words that take the same number of tokens after a space, a line break and nothing; all if too few do.

    Of the groups that are at least half as large as the largest, the one with the fewest tokens.
    """
    if token_length is None:
        return tuple(words)
    lengths = {word: tuple(token_length(before + word) for before in (" ", "\n", "")) for word in words}
    sizes = Counter(lengths.values())
    enough = {length: size for length, size in sizes.items() if size >= least}
    if not enough:
        return tuple(words)
    chosen = min(length for length, size in enough.items() if 2 * size >= max(enough.values()))
    return tuple(word for word in words if lengths[word] == chosen)


def vocabulary(task: Task, token_length: TokenLength | None) -> Vocabulary:
    return {name: equal_length(pool, token_length, task.least) for name, pool in task.pools.items()}


def build(
    task: Task, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
) -> list[Item]:
    """At most `n` items with answers and templates in turn; fewer when no new problem is left.

    Raises StrataError for a difficulty the family doesn't have.
    """
    level = checked_level(task, difficulty)
    words = vocabulary(task, token_length)
    answers = list(task.answers(level, words))
    seeded(seed, task.name, level, "answers").shuffle(answers)
    waiting = interleaved(answers, task.templates)
    items: list[Item] = []
    seen: set[tuple[str, str]] = set()
    turn = 0
    while waiting and len(items) < n:
        index = turn % len(waiting)
        wanted = waiting[index]
        rng = seeded(seed, task.name, level, wanted.template.id, wanted.answer, turn)
        item = _fresh(task, rng, wanted, level, words, token_length, seen, len(items))
        if item is None:
            del waiting[index]
            continue
        items.append(item)
        turn += 1
    return items


class Wanted(NamedTuple):
    """What the next item shall be."""

    answer: str
    template: Template


def interleaved(answers: Sequence[str], templates: Sequence[Template]) -> list[Wanted]:
    """Every answer in every template, ordered so that short stretches hold all answers and all templates."""
    turns = range(len(templates))
    return [
        Wanted(answer, templates[(place + turn) % len(templates)])
        for turn in turns
        for place, answer in enumerate(answers)
    ]


def checked_level(task: Task, difficulty: int | None) -> int:
    if difficulty is None:
        return task.difficulties[0]
    if difficulty not in task.difficulties:
        known = ", ".join(map(str, task.difficulties))
        raise StrataError(f"Family {task.name!r} has no difficulty {difficulty}", f"Choose one of: {known}")
    return difficulty


def _fresh(
    task: Task,
    rng: Random,
    wanted: Wanted,
    level: int,
    words: Vocabulary,
    token_length: TokenLength | None,
    seen: set[tuple[str, str]],
    index: int,
) -> Item | None:
    """An item not asked before, of equal token length with its partner where one turns up."""
    answer, template = wanted
    unequal: tuple[Item, tuple[str, str]] | None = None
    for _ in range(_ATTEMPTS):
        problem = task.draw(rng, answer, level, words)
        if problem is None:
            continue
        body = render(template, problem.clean).text
        if (template.id, body) in seen:
            continue
        examples = worked_examples(task, rng, template, level, words, problem)
        item = item_of(task, problem, template, examples, level, f"{task.name}.{level}.{index:05d}")
        if token_length is None or token_length(item.prompt) == token_length(item.foil_prompt):
            seen.add((template.id, body))
            return item
        unequal = unequal or (item, (template.id, body))
    if unequal is None:
        return None
    seen.add(unequal[1])
    return unequal[0]


def render(template: Template, side: Side) -> Marked:
    """One problem as text, up to its answer."""
    lines = joined([fill(template.line, line) for line in side.lines], template.between)
    return fill(template.body, {**side.fields, "lines": lines})


def worked_examples(
    task: Task,
    rng: Random,
    template: Template,
    level: int,
    words: Vocabulary,
    problem: Problem,
    taken: Sequence[str] = (),
) -> list[Side]:
    """The template's worked examples: distinct problems, neither `problem` nor its partner nor a cluster `taken`.

    Their answers are drawn without looking at the item's, so that what is missing tells nothing about it.
    """
    used = {problem.cluster, problem.foil_cluster, *taken}
    named = set(problem.names)
    examples: list[Side] = []
    answers = list(task.answers(level, words))
    attempts = template.n_examples * _EXAMPLE_ATTEMPTS
    for attempt in range(attempts):
        if len(examples) == template.n_examples:
            break
        example = task.draw(rng, rng.choice(answers), level, words)
        if example is None or example.cluster in used:
            continue
        if attempt < attempts // 2 and named & example.names:
            continue
        used.add(example.cluster)
        named |= example.names
        examples.append(example.clean)
    return examples


def item_of(task: Task, problem: Problem, template: Template, examples: Sequence[Side], level: int, id: str) -> Item:
    """The item that asks `problem` after `examples`; both prompts of the pair share the examples."""
    before = template.prefix + "".join(
        f"{render(template, side).text} {side.answer}{template.after}" for side in examples
    )
    clean = joined([Marked(before), render(template, problem.clean)])
    foil = joined([Marked(before), render(template, problem.foil)])
    return Item(
        id=id,
        kind=task.kind,
        family=task.name,
        domain=task.domain,
        prompt=clean.text,
        answer=f" {problem.clean.answer}",
        foil_prompt=foil.text,
        foil=f" {problem.foil.answer}",
        cluster=f"{task.name}:{problem.cluster}",
        template=f"{task.name}.{template.id}",
        hops=problem.hops,
        choices=tuple(f" {choice}" for choice in problem.choices),
        spans=clean.spans,
        foil_spans=foil.spans,
        source="built-in",
        extra={
            "difficulty": level,
            "match": id,
            "operands": cast(list[JsonValue], list(problem.clean.operands)),
            "foil_operands": cast(list[JsonValue], list(problem.foil.operands)),
            "intermediate": cast(list[JsonValue], list(problem.clean.intermediate)),
        },
    )


def options(rng: Random, answer: str, foil: str, pool: Sequence[str], count: int = 4) -> tuple[str, ...]:
    """`count` choices in random order: the answer, the foil and others of the pool."""
    others = [word for word in dict.fromkeys(pool) if word not in (answer, foil)]
    picked = [answer, foil, *rng.sample(others, min(count - 2, len(others)))]
    rng.shuffle(picked)
    return tuple(picked)
