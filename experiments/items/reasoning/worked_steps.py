"""How is a reasoning problem worked out, step by step? A program writes the steps; nothing is asked of a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from strata.experiments.items.reasoning.frame import Side

Steps = tuple[str, ...]
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")


def steps_of(family: str, side: Side) -> Steps:
    """The steps from a problem's facts to its answer, each a short claim (`7 + 3 = 10`, `Mir -> Sel`).

    Raises KeyError for a family that the teacher doesn't know.
    """
    return _TEACHERS[family](side)


def _ints(side: Side) -> list[int]:
    return [int(str(operand)) for operand in side.operands]


def _split_over_ten(first: int, second: int) -> list[str]:
    """A sum of digits above ten by way of ten."""
    up = 10 - first
    return [f"{second} = {up} + {second - up}", f"{first} + {up} = 10", f"10 + {second - up} = {first + second}"]


def _addition(side: Side) -> Steps:
    total, *rest = _ints(side)
    steps: list[str] = []
    for term in rest:
        digits = total < 10 and term < 10
        steps += (
            _split_over_ten(total, term) if digits and total + term > 10 else [f"{total} + {term} = {total + term}"]
        )
        total += term
    return tuple(steps)


def _carry(side: Side) -> Steps:
    first, second = _ints(side)
    ones, tens = first % 10 + second % 10, first - first % 10
    steps = [f"{first % 10} + {second % 10} = {ones}"]
    if second >= 10:
        more = second - second % 10
        steps.append(f"{tens} + {more} = {tens + more}")
        tens += more
    return (*steps, f"{tens} + {ones} = {tens + ones}")


def _subtraction(side: Side) -> Steps:
    first, second = _ints(side)
    if second >= 10:
        between = first - second + second % 10
        return f"{first} - {second - second % 10} = {between}", f"{between} - {second % 10} = {first - second}"
    down = first - 10
    if first > 10 and second > down:
        return (
            f"{second} = {down} + {second - down}",
            f"{first} - {down} = 10",
            f"10 - {second - down} = {first - second}",
        )
    return (f"{first} - {second} = {first - second}",)


def _modular(side: Side) -> Steps:
    first, second = _ints(side)
    modulus, total = int(side.fields["modulus"].text), first + second
    steps = [f"{first} + {second} = {total}"]
    while total >= modulus:
        steps.append(f"{total} - {modulus} = {total - modulus}")
        total -= modulus
    return tuple(steps)


def _comparison(side: Side) -> Steps:
    """Digit by digit from the left, up to the first that differs."""
    large, small = sorted(_ints(side), reverse=True)
    steps = []
    for digit, other in zip(str(large), str(small), strict=True):
        steps.append(f"{digit} = {other}" if digit == other else f"{digit} > {other}")
        if digit != other:
            break
    return tuple(steps) if large < 10 else (*steps, f"{large} > {small}")


def _counting(side: Side) -> Steps:
    """The list with a running count at the asked word."""
    wanted, seen, steps = side.fields["query"].text, 0, []
    for word in map(str, side.operands):
        seen += word == wanted
        steps.append(f"{word} {seen}" if word == wanted else word)
    return tuple(steps)


def _majority(side: Side) -> Steps:
    """The list with a running count at every word, then the two counts."""
    seen: Counter[str] = Counter()
    steps = []
    for word in map(str, side.operands):
        seen[word] += 1
        steps.append(f"{word} {seen[word]}")
    most, least = (count for _, count in seen.most_common(2))
    return (*steps, f"{most} > {least}")


def _indexing(side: Side) -> Steps:
    place = _ORDINALS.index(side.fields["operand"].text)
    return tuple(f"{number} {word}" for number, word in enumerate(side.operands[: place + 1], 1))


def _next(side: Side) -> Steps:
    *entries, start = map(str, side.operands)
    place, step = entries.index(start), int(side.fields["step"].text.split()[0])
    return start, *(f"{number} {entries[place + number]}" for number in range(1, step + 1))


def _binding(side: Side) -> Steps:
    name = side.fields["operand"].text
    held = {line["name"].text: line["value"].text for line in side.lines}
    steps = []
    while name in held:
        steps.append(f"{name} = {held[name]}")
        name = held[name]
    return tuple(steps)


def _chain(side: Side) -> Steps:
    way = [side.fields["query"].text, *map(str, side.intermediate), side.answer]
    return tuple(f"{before} -> {after}" for before, after in pairwise(way))


def _ordering(side: Side) -> Steps:
    """Every fact said with the taller first, then all persons in one row."""
    pairs = []
    for line in side.lines:
        first, second = line["a"].text, line["b"].text
        pairs.append((first, second) if line["r"].text == "taller" else (second, first))
    below = dict(pairs)
    if len(below) < len(pairs):
        return ()
    row = [next(name for name in below if name not in below.values())]
    while row[-1] in below:
        row.append(below[row[-1]])
    return (*(f"{taller} > {shorter}" for taller, shorter in pairs), " > ".join(row))


def _deduction(side: Side) -> Steps:
    way = [side.fields["name"].text, side.fields["operand"].text, *map(str, side.intermediate), side.answer]
    return tuple(f"{before} -> {after}" for before, after in pairwise(way))


def _boolean(side: Side) -> Steps:
    """Negations first, then from the left; the first two stand in brackets where there are three."""
    words = re.findall(r"True|False|and|or|not", side.fields["expression"].text)
    steps, terms, signs = [], [], []
    for place, word in enumerate(words):
        if word in ("and", "or"):
            signs.append(word)
        elif word != "not":
            value = word == "True"
            if place and words[place - 1] == "not":
                value = not value
                steps.append(f"not {word} = {value}")
            terms.append(value)
    so_far = terms[0]
    for sign, term in zip(signs, terms[1:], strict=True):
        result = (so_far and term) if sign == "and" else (so_far or term)
        steps.append(f"{so_far} {sign} {term} = {result}")
        so_far = result
    return tuple(steps)


_TEACHERS: dict[str, Callable[[Side], Steps]] = {
    "addition": _addition,
    "addition_carry": _carry,
    "subtraction": _subtraction,
    "modular": _modular,
    "comparison": _comparison,
    "counting": _counting,
    "majority": _majority,
    "indexing": _indexing,
    "next_in_list": _next,
    "binding": _binding,
    "relation_chain": _chain,
    "ordering": _ordering,
    "deduction": _deduction,
    "boolean": _boolean,
}
