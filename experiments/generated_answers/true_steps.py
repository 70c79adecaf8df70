"""Is a step of a written chain true of the problem that it was written for? Readers beside the trace checker; no language model judges.

A step that is true by itself and has nothing to do with the problem (asked 3 + 3: `4 + 2 = 6`) counts apart, and what no reader can
read is never taken for true.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from strata.experiments.generated_answers.check_trace import Reading, evaluate, reading_of
from strata.experiments.items.knowledge.tables import bare, facts

Verdict = Literal[
    "true",  # of this problem
    "elsewhere",  # true by itself, of things that this problem doesn't speak of
    "false",
    "uncheckable",
]
Judge = Callable[[Sequence[str]], list[Verdict]]
"""Of the steps of one chain, in order: a step may use what true ones before it have found."""
_LONGEST = 200
"""Characters; a longer step is prose."""
_CLAIM = re.compile(r"[a-z]+(?: \d+)?|\d+ [a-z]+|\w+ (?:->|=|>) \w+(?: > \w+)*")
_EQUATION = re.compile(r"[\d(][\d\s.,+\-*()]*(?:[=>][\d\s.,+\-*()]*\d\)?)+")
_LOGIC = re.compile(r"(?:(?:True|False|and|or|not)\b|[()=\s])+")
_TERM = re.compile(r"\d+|True|False")
_OPERATOR = re.compile(r"\b(?:and|or|not)\b")


def judge_of(family: str, question: str) -> Judge:
    """Of a problem that is answered from its own text. Where the trace checker can't read the family, equations alone are checked."""
    try:
        reading: Reading | None = reading_of(family, question)
    except (KeyError, ValueError):
        reading = None
    claims = reading.claims if reading is not None else frozenset()
    return lambda steps: _judged(steps, question, claims)


def judge_by_table(relation: str, subject: str) -> Judge:
    """Of a question about one subject of a closed table of facts (`strata.experiments.items.knowledge`)."""
    table = {bare(fact.subject): fact.answer for fact in facts(relation)}
    answers = sorted(set(table.values()))

    def judged(step: str) -> Verdict:
        named = [name for name in table if _mentions(step, name)]
        told = [answer for answer in answers if _mentions(step, answer)]
        # Where one name is part of another, only the longer is spoken of.
        named, told = _longest(named), [answer for answer in _longest(told) if answer not in named]
        if len(named) != 1 or len(told) != 1:
            return "uncheckable"
        if table[named[0]] != told[0]:
            return "false"
        return "true" if named[0] == bare(subject) else "elsewhere"

    return lambda steps: [judged(step) for step in steps]


def _judged(steps: Sequence[str], question: str, claims: frozenset[str]) -> list[Verdict]:
    known = _terms_of(question)
    operators = set(_OPERATOR.findall(question))
    verdicts: list[Verdict] = []
    for step in (one.strip().rstrip(".") for one in steps):
        verdict = _by_claims(step, claims) or _by_calculation(step, known, operators)
        if verdict is None:
            verdict = "false" if claims and _CLAIM.fullmatch(step) else "uncheckable"
        if verdict == "true":
            known |= set(_TERM.findall(step))
        verdicts.append(verdict)
    return verdicts


def _by_claims(step: str, claims: frozenset[str]) -> Verdict | None:
    if step in claims:
        return "true"
    row = step.split(" > ")
    return "true" if len(row) > 2 and all(f"{one} > {other}" in claims for one, other in pairwise(row)) else None


def _by_calculation(step: str, known: set[str], operators: set[str]) -> Verdict | None:
    """None: there is no calculation in it."""
    sides = _sides(step)
    if sides is None:
        return None
    try:
        values = [[evaluate(part) for part in parts] for parts in sides]
    except (ValueError, RecursionError, OverflowError, MemoryError):
        return None
    equal = all(value == parts[0] for parts in values for value in parts)
    if not equal or any(left[0] <= right[0] for left, right in pairwise(values)):
        return "false"
    # Whatever an equation starts from has to stand in the question, or to have been found: on one side of it at least.
    ours = all(any(set(_TERM.findall(part)) <= known for part in parts) for parts in sides)
    return "true" if ours and set(_OPERATOR.findall(step)) <= operators else "elsewhere"


def _sides(step: str) -> list[list[str]] | None:
    """The equations in a step, those between two `>` together."""
    if len(step) > _LONGEST:
        return None
    found = _LOGIC.fullmatch(step) or _EQUATION.search(step)
    if found is None:
        return None
    text = found.group().replace(",", "").rstrip(". ")
    sides = [[part.strip() for part in side.split("=")] for side in text.split(">")]
    whole = len(sides) > 1 or len(sides[0]) > 1
    return sides if whole and all(part for parts in sides for part in parts) else None


def _terms_of(question: str) -> set[str]:
    """Its numbers, their digits, what each digit stands for at its place, and the rest without it (47: 4, 7, 40); truth values."""
    terms = set(re.findall(r"True|False", question))
    for number in re.findall(r"\d+", question):
        plain = str(int(number)) if len(number) <= _LONGEST else number
        terms |= {number, plain, *plain}
        for place in range(1, min(len(plain), 6)):
            head = plain[: len(plain) - place]
            terms |= {head + "0" * place, head[-1] + "0" * place, str(int(plain[-place:]))}
    return terms


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def _longest(names: Sequence[str]) -> list[str]:
    return [name for name in names if not any(name != other and _mentions(other, name) for other in names)]
