"""Families that multiply and divide: several pairs of numbers have the same result, so an answer isn't an operand in disguise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from strata.experiments.items.reasoning.frame import Draw, Problem, Side, Task, Template, Vocabulary, options
from strata.experiments.items.reasoning.text_with_spans import mark

Result = Callable[[int, int], int | None]
"""What two numbers give; None where that is no whole number."""


def _draw_result(
    result: Result, firsts: range, seconds: Mapping[int, range], answers: Mapping[int, Sequence[int]]
) -> Draw:
    """Draws two numbers whose result is asked for; in the partner the first is replaced, and the result is asked for as well."""

    def draw(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
        asked = answers[difficulty]
        second = rng.choice(seconds[difficulty])
        reached = {first: value for first in firsts if (value := result(first, second)) in asked}
        right = [first for first, value in reached.items() if value == int(answer)]
        wrong = [first for first, value in reached.items() if value != int(answer)]
        if not right or not wrong:
            return None
        first, replaced = rng.choice(right), rng.choice(wrong)

        def side(operand: int) -> Side:
            fields = {"a": mark(str(operand), "operand_a", "operand"), "b": mark(str(second), "operand_b")}
            return Side(str(reached[operand]), fields, operands=(operand, second))

        return Problem(
            clean=side(first),
            foil=side(replaced),
            cluster=f"{first},{second}",
            foil_cluster=f"{replaced},{second}",
            choices=options(rng, answer, str(reached[replaced]), [str(value) for value in asked]),
        )

    return draw


def _operation(sign: str, other_sign: str, spoken: str) -> tuple[Template, ...]:
    """Templates with as many worked examples as a small model needs."""
    return (
        Template("lines", f"{{a}} {sign} {{b}} =", n_examples=8),
        Template("sign", f"{{a}} {other_sign} {{b}} =", n_examples=8),
        Template("spoken", f"{{a}} {spoken} {{b}} is", n_examples=8, after=".\n"),
        Template("equals", f"{{a}} {spoken} {{b}} equals", n_examples=8, after=".\n"),
    )


def _asked(answers: Mapping[int, Sequence[int]]) -> Callable[[int, Vocabulary], Sequence[str]]:
    return lambda difficulty, words: tuple(map(str, answers[difficulty]))


_PRODUCTS = {1: (6, 8, 12, 24, 36, 48), 2: (18, 27, 36, 48, 54, 63, 72)}
"""No two of a difficulty-1 set begin with the same digit, so the whole answer is told by the first token that differs."""
_QUOTIENTS = {1: (2, 3, 4, 5, 6), 2: (3, 4, 5, 6, 7, 8)}

PRODUCT = Task(
    name="product",
    domain="arithmetic",
    about="Product of two digits (1: at most 48, 2: from 18)",
    templates=_operation("*", "x", "times"),
    difficulties=(1, 2),
    answers=_asked(_PRODUCTS),
    draw=_draw_result(lambda a, b: a * b, range(1, 10), {1: range(1, 10), 2: range(2, 10)}, _PRODUCTS),
)
QUOTIENT = Task(
    name="quotient",
    domain="arithmetic",
    about="A number divided by a digit (1: by 2 to 6, 2: by 3 to 9)",
    templates=_operation("/", "÷", "divided by"),
    difficulties=(1, 2),
    answers=_asked(_QUOTIENTS),
    draw=_draw_result(
        lambda a, b: a // b if a % b == 0 else None, range(2, 73), {1: range(2, 7), 2: range(3, 10)}, _QUOTIENTS
    ),
)
TASKS = (PRODUCT, QUOTIENT)
