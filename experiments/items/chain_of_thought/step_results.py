"""What does a model write next where a step of its chain of thought lacks its result? Minimal pairs inside a written trace.

R1-type models reason between `<think>` and `</think>`, not at a prompt's last token: where they work something out is asked at the
token before a step's result. A prompt is worked examples with their traces, the question, `<think>`, and the steps up to there;
the other prompt of the pair has another operand and its own earlier steps. Any model reads the same text, trained to think or not.
In the control the step has been written before, result and all, so that answering is a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.framing import END_THINK, THINK
from strata.experiments.items.reasoning.arithmetic import ADDITION, CARRY, MODULAR, SUBTRACTION
from strata.experiments.items.reasoning.frame import (
    Problem,
    Side,
    Task,
    Template,
    interleaved,
    options,
    render,
    seeded,
    vocabulary,
    worked_examples,
)
from strata.experiments.items.reasoning.worked_steps import steps_of
from strata.experiments.items.schema import Item, Kind, Span
from strata.probes.errors import StrataError

IN_TRACE, STATED = "_in_trace", "_in_trace_stated"
"""How the names of these families end: of those that work a step out, and of their controls."""
_EXAMPLES = 3
_ATTEMPTS = 200
_STEP = re.compile(r"(.+ =) (\d+)")
"""What is asked, and its result."""
_BETWEEN = ", "


@dataclass(frozen=True)
class _Asked:
    """Which step of which problems."""

    level: int
    """Difficulty of the problem."""
    n_steps: int
    step: int
    """The one whose result is asked for, counted from 0."""


@dataclass(frozen=True)
class _Traced:
    """One family."""

    task: Task
    asked: tuple[_Asked, ...]
    """By difficulty, from 1 on."""
    about: str

    @property
    def name(self) -> str:
        return f"{self.task.name}{IN_TRACE}"


_FAMILIES = (
    _Traced(ADDITION, (_Asked(1, 1, 0), _Asked(3, 2, 0), _Asked(3, 2, 1)), "a sum (1: the only step, 2: the first of two, 3: the second)"),
    _Traced(CARRY, (_Asked(1, 2, 0), _Asked(1, 2, 1)), "a two-digit sum (1: the ones, 2: tens and ones together)"),
    _Traced(SUBTRACTION, (_Asked(1, 1, 0), _Asked(3, 2, 1)), "a difference (1: the only step, 2: the second of two)"),
    _Traced(MODULAR, (_Asked(1, 2, 0), _Asked(1, 2, 1)), "a remainder (1: the sum, 2: less the modulus)"),
)  # fmt: skip


def _build(
    traced: _Traced, stated: bool, *, seed: int, n: int, difficulty: int | None = None,
    token_length: TokenLength | None = None,
) -> list[Item]:  # fmt: skip
    levels = range(1, len(traced.asked) + 1)
    if difficulty is not None and difficulty not in levels:
        raise StrataError(
            f"Family {traced.name!r} has no difficulty {difficulty}", f"Choose one of: {', '.join(map(str, levels))}"
        )
    return _Builder(traced, difficulty or 1, stated, seed, token_length).items(n)


class _Builder:
    def __init__(
        self, traced: _Traced, difficulty: int, stated: bool, seed: int, token_length: TokenLength | None
    ) -> None:
        self.traced, self.difficulty, self.stated, self.seed = traced, difficulty, stated, seed
        self.asked, self.token_length = traced.asked[difficulty - 1], token_length
        self.words = vocabulary(traced.task, token_length)

    def items(self, n: int) -> list[Item]:
        """Answers of the problem and templates in turn, each question once."""
        answers = list(self.traced.task.answers(self.asked.level, self.words))
        seeded(self.seed, self.traced.name, self.difficulty, "answers").shuffle(answers)
        cells = interleaved(answers, self.traced.task.templates)
        made: list[Item] = []
        seen: set[str] = set()
        turn = 0
        while cells and len(made) < n:
            answer, template = cells[turn % len(cells)]
            rng = seeded(self.seed, self.traced.name, self.difficulty, template.id, answer, turn)
            item = self._fresh(rng, answer, template, seen, len(made))
            if item is None:
                del cells[turn % len(cells)]
                continue
            made.append(item)
            turn += 1
        return made

    def _fresh(self, rng: Random, answer: str, template: Template, seen: set[str], index: int) -> Item | None:
        for _ in range(_ATTEMPTS):
            problem = self.traced.task.draw(rng, answer, self.asked.level, self.words)
            if problem is None:
                continue
            asked = render(template, problem.clean).text
            if asked in seen:
                continue
            item = self._item(rng, problem, template, index)
            if item is None or (
                self.token_length is not None and self.token_length(item.prompt) != self.token_length(item.foil_prompt)
            ):
                continue
            seen.add(asked)
            return item
        return None

    def _item(self, rng: Random, problem: Problem, template: Template, index: int) -> Item | None:
        sides = [self._side(template, side) for side in (problem.clean, problem.foil)]
        clean, foil = sides
        if clean is None or foil is None or clean.result == foil.result:
            return None
        before = template.prefix + "".join(
            _example(self.traced.task, template, side) for side in self._shown(rng, template, problem)
        )
        prompts = [before + side.text for side in (clean, foil)]
        spans = _replaced_words(*prompts)
        if spans is None:
            return None
        family = f"{self.traced.task.name}{STATED if self.stated else IN_TRACE}"
        kind: Kind = "control" if self.stated else "reasoning"
        about = {"contrast": "R-R0"} if self.stated else {}
        id = f"{family}.{self.difficulty}.{index:05d}"
        return Item(
            id=id, kind=kind, family=family, domain=self.traced.task.domain, prompt=prompts[0],
            answer=f" {clean.result}", foil_prompt=prompts[1], foil=f" {foil.result}",
            cluster=f"{self.traced.name}:{problem.cluster}", template=f"{family}.{template.id}",
            hops=0 if self.stated else 1,
            choices=tuple(f" {choice}" for choice in options(rng, clean.result, foil.result, self._results(rng))),
            spans=spans[0], foil_spans=spans[1], source="built-in",
            extra={"difficulty": self.difficulty, "match": id, "step": self.asked.step, "steps": self.asked.n_steps, **about},
        )  # fmt: skip

    def _shown(self, rng: Random, template: Template, problem: Problem) -> list[Side]:
        few = replace(template, n_examples=_EXAMPLES)
        return worked_examples(self.traced.task, rng, few, self.asked.level, self.words, problem)

    def _results(self, rng: Random) -> list[str]:
        """Of the same step of other problems."""
        answers = self.traced.task.answers(self.asked.level, self.words)
        drawn = (self.traced.task.draw(rng, rng.choice(answers), self.asked.level, self.words) for _ in range(20))
        found = (_step(self.traced.task, problem.clean, self.asked) for problem in drawn if problem is not None)
        return [step.result for step in found if step is not None]

    def _side(self, template: Template, side: Side) -> _Open | None:
        """The question and its trace up to the result that is asked for."""
        step = _step(self.traced.task, side, self.asked)
        if step is None:
            return None
        whole = f"{step.left} {step.result}"
        written = [*step.before, *([whole] if self.stated else []), step.left]
        return _Open(f"{render(template, side).text} {THINK} {_BETWEEN.join(written)}", step.result)


@dataclass(frozen=True)
class _Open:
    text: str
    result: str


@dataclass(frozen=True)
class _Step:
    before: tuple[str, ...]
    """The steps before it."""
    left: str
    """What is written of it, up to the sign before its result."""
    result: str


def _step(task: Task, side: Side, asked: _Asked) -> _Step | None:
    """None where the trace has another number of steps, or this one no result at its end."""
    steps = steps_of(task.name, side)
    if len(steps) != asked.n_steps:
        return None
    found = _STEP.fullmatch(steps[asked.step])
    return None if found is None else _Step(steps[: asked.step], found[1], found[2])


def _example(task: Task, template: Template, side: Side) -> str:
    steps = _BETWEEN.join(steps_of(task.name, side))
    return f"{render(template, side).text} {THINK} {steps} {END_THINK} {side.answer}{template.after}"


def _replaced_words(clean: str, foil: str) -> tuple[dict[str, Span], dict[str, Span]] | None:
    """The first and the last number that differ, `question_operand` and `operand`; None where the texts differ in more than numbers."""
    numbers = [list(re.finditer(r"\d+", text)) for text in (clean, foil)]
    if re.sub(r"\d+", "0", clean) != re.sub(r"\d+", "0", foil):
        return None
    differing = [place for place, (one, other) in enumerate(zip(*numbers, strict=True)) if one[0] != other[0]]
    if not differing:
        return None
    ends = {"question_operand": differing[0], "operand": differing[-1]}
    clean_spans, foil_spans = ({name: of_text[place].span() for name, place in ends.items()} for of_text in numbers)
    return clean_spans, foil_spans


def _families(stated: bool) -> Iterator[Family]:
    for traced in _FAMILIES:
        told = "the step stands in the trace already" if stated else "result of a step"
        yield Family(
            name=f"{traced.task.name}{STATED if stated else IN_TRACE}", kind="control" if stated else "reasoning",
            domain=traced.task.domain, about=f"Inside a chain of thought, {told}: {traced.about}",
            build=partial(_build, traced, stated), difficulties=tuple(range(1, len(traced.asked) + 1)),
        )  # fmt: skip


FAMILIES: tuple[Family, ...] = tuple(_families(False))
CONTROLS: tuple[Family, ...] = tuple(_families(True))
