"""Families that work out a number, or the larger of two, from operands in the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from strata.experiments.items.reasoning.frame import Problem, Side, Task, Template, Vocabulary, options
from strata.experiments.items.reasoning.text_with_spans import Marked, mark

_LETTERS = "abcdef"


def _numbers(values: range | Sequence[int]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _terms(values: Sequence[int], replaced: int) -> tuple[dict[str, Marked], ...]:
    """One line per operand; the replaced one is also called `operand`."""
    lines = []
    for index, value in enumerate(values):
        names = [f"operand_{_LETTERS[index]}"] + (["operand"] if index == replaced else [])
        lines.append({"x": mark(str(value), *names)})
    return tuple(lines)


def _expression(  # nine parameters: the two problems of a pair side by side, and what operations differ in
    rng: Random,
    values: Sequence[int],
    other: Sequence[int],
    answer: int,
    foil: int,
    pool: Sequence[str],
    fields: dict[str, Marked] | None = None,
    intermediate: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()),
    commutes: bool = True,
) -> Problem:
    """The pair whose operands are `values` and `other`, which differ in the first."""

    def name(operands: Sequence[int]) -> str:
        return "+".join(map(str, sorted(operands) if commutes else operands))

    def side(operands: Sequence[int], result: int, between: tuple[int, ...]) -> Side:
        return Side(str(result), fields or {}, _terms(operands, 0), tuple(operands), between)

    return Problem(
        clean=side(values, answer, intermediate[0]),
        foil=side(other, foil, intermediate[1]),
        cluster=name(values),
        foil_cluster=name(other),
        choices=options(rng, str(answer), str(foil), pool),
        hops=len(values) - 1,
    )


def _addition_answers(difficulty: int, words: Vocabulary) -> tuple[str, ...]:
    return _numbers({1: range(4, 10), 2: range(10, 17), 3: range(5, 10)}[difficulty])


def _draw_addition(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """One-digit terms: two with a one-digit sum, two with a two-digit sum, three."""
    pool = _addition_answers(difficulty, words)
    total = int(answer)
    rest = [rng.randint(1, 9) for _ in range(2 if difficulty == 3 else 1)]
    first, foil = total - sum(rest), int(rng.choice([other for other in pool if other != answer]))
    replaced = foil - sum(rest)
    if not (1 <= first <= 9 and 1 <= replaced <= 9):
        return None
    partial = ((first + rest[0],), (replaced + rest[0],)) if difficulty == 3 else ((), ())
    return _expression(rng, (first, *rest), (replaced, *rest), total, foil, pool, intermediate=partial)


_CARRY_SUMS = _numbers((31, 42, 50, 63, 72, 81, 94))


def _draw_carry(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """A two-digit number plus a one- or two-digit number, with a carry in both problems of the pair."""
    total = int(answer)
    foil = int(rng.choice([other for other in _CARRY_SUMS if other != answer]))
    second = rng.randint(2, 9) if difficulty == 1 else rng.randint(12, 79)
    first, replaced = total - second, foil - second
    carries = all(operand % 10 + second % 10 >= 10 for operand in (first, replaced))
    if not carries or min(first, replaced) < 10:
        return None
    return _expression(rng, (first, second), (replaced, second), total, foil, _CARRY_SUMS)


def _subtraction_answers(difficulty: int, words: Vocabulary) -> tuple[str, ...]:
    return _numbers({1: range(1, 7), 2: range(3, 10), 3: (13, 24, 35, 46, 57, 68)}[difficulty])


def _draw_subtraction(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """One-digit numbers, a number in the teens less a digit with a borrow, two two-digit numbers."""
    pool = _subtraction_answers(difficulty, words)
    low, high, least, most = {1: (1, 8, 2, 9), 2: (2, 9, 11, 18), 3: (11, 49, 24, 99)}[difficulty]
    foil = int(rng.choice([other for other in pool if other != answer]))
    second = rng.randint(low, high)
    first, replaced = int(answer) + second, foil + second
    if not (least <= first <= most and least <= replaced <= most):
        return None
    return _expression(rng, (first, second), (replaced, second), int(answer), foil, pool, commutes=False)


def _modulus(difficulty: int) -> int:
    return {1: 10, 2: 5, 3: 7}[difficulty]


def _modular_answers(difficulty: int, words: Vocabulary) -> tuple[str, ...]:
    return _numbers(range(min(_modulus(difficulty), 7)))


def _draw_modular(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """A sum of two digits that passes the modulus once or more, less the modulus."""
    modulus, pool = _modulus(difficulty), _modular_answers(difficulty, words)
    foil = int(rng.choice([other for other in pool if other != answer]))
    second = rng.randint(1, 9)

    def partners(result: int) -> list[int]:
        return [
            operand
            for operand in range(1, 10)
            if operand + second >= modulus and (operand + second) % modulus == result
        ]

    if not partners(int(answer)) or not partners(foil):
        return None
    first, replaced = rng.choice(partners(int(answer))), rng.choice(partners(foil))
    fields = {"modulus": mark(str(modulus), "modulus")}
    return _expression(
        rng,
        (first, second),
        (replaced, second),
        int(answer),
        foil,
        pool,
        fields,
        ((first + second,), (replaced + second,)),
    )


def _comparison_answers(difficulty: int, words: Vocabulary) -> tuple[str, ...]:
    return _numbers({1: range(3, 10), 2: range(32, 98, 9), 3: range(312, 978, 95)}[difficulty])


def _draw_comparison(rng: Random, answer: str, difficulty: int, words: Vocabulary) -> Problem | None:
    """The larger of two; in the partner the larger one is replaced by one smaller than the other."""
    large, least = int(answer), 10 ** (difficulty - 1)
    if large - least < 2:
        return None
    small = rng.randint(least + 1, large - 1)
    replaced = rng.randint(least, small - 1)
    first = rng.random() < 0.5

    def side(value: int, result: int) -> Side:
        pair = (value, small) if first else (small, value)
        terms = _terms(pair, 0 if first else 1)
        return Side(str(result), {"a": terms[0]["x"], "b": terms[1]["x"]}, operands=pair)

    return Problem(
        clean=side(large, large),
        foil=side(replaced, small),
        cluster="/".join(map(str, sorted((large, small)))),
        foil_cluster="/".join(map(str, sorted((replaced, small)))),
        choices=options(rng, answer, str(small), ()),
    )


def _sums(sign: str, word: str) -> tuple[Template, ...]:
    """Templates of a two-place operation, all with worked examples: small models can't do without."""
    between, spoken = f" {sign} ", f" {word} "
    return (
        Template("lines", "{lines} =", "{x}", between, n_examples=8),
        Template("bracket", "({lines}) =", "{x}", between, n_examples=6),
        Template("spoken", "{lines} is", "{x}", spoken, n_examples=6, after=".\n"),
        Template("equals", "{lines} equals", "{x}", spoken, n_examples=6, after=".\n"),
    )


ADDITION = Task(
    name="addition",
    domain="arithmetic",
    about="Sum of one-digit numbers (1: at most 9, 2: from 10, 3: three numbers)",
    templates=_sums("+", "plus"),
    difficulties=(1, 2, 3),
    answers=_addition_answers,
    draw=_draw_addition,
)
CARRY = Task(
    name="addition_carry",
    domain="arithmetic",
    about="Two-digit sum with a carry (1: plus a digit, 2: plus a two-digit number)",
    templates=(
        Template("spoken", "{lines} is", "{x}", " plus ", n_examples=6, after=".\n"),
        Template("equals", "{lines} equals", "{x}", " plus ", n_examples=6, after=".\n"),
        Template("gives", "{lines} gives", "{x}", " plus ", n_examples=6, after=".\n"),
        Template("lines", "{lines} =", "{x}", " + ", n_examples=8),
    ),
    difficulties=(1, 2),
    answers=lambda difficulty, words: _CARRY_SUMS,
    draw=_draw_carry,
)
SUBTRACTION = Task(
    name="subtraction",
    domain="arithmetic",
    about="Difference (1: of digits, 2: from the teens with a borrow, 3: of two-digit numbers)",
    templates=_sums("-", "minus"),
    difficulties=(1, 2, 3),
    answers=_subtraction_answers,
    draw=_draw_subtraction,
)
MODULAR = Task(
    name="modular",
    domain="arithmetic",
    about="Remainder of a sum of two digits (1: modulo 10, 2: modulo 5, 3: modulo 7)",
    templates=(
        Template("lines", "{lines} mod {modulus} =", "{x}", " + ", n_examples=4),
        Template("bracket", "({lines}) % {modulus} =", "{x}", " + ", n_examples=4),
        Template("question", "Q: What is {lines} modulo {modulus}?\nA:", "{x}", " + ", n_examples=3),
        Template("bare", "{lines} mod {modulus} =", "{x}", " + "),
    ),
    difficulties=(1, 2, 3),
    answers=_modular_answers,
    draw=_draw_modular,
)
COMPARISON = Task(
    name="comparison",
    domain="arithmetic",
    about="The larger of two numbers (1: of one digit, 2: of two, 3: of three)",
    templates=(
        Template("sign", "{a} {b} >", n_examples=8),
        Template("function", "max({a}, {b}) =", n_examples=8),
        Template("word", "{a} {b} max", n_examples=8),
        Template("larger", "larger({a}, {b}) =", n_examples=8),
    ),
    difficulties=(1, 2, 3),
    answers=_comparison_answers,
    draw=_draw_comparison,
)
TASKS = (ADDITION, CARRY, SUBTRACTION, MODULAR, COMPARISON)
