"""In which order do columns of options count, when their names end (or begin) in numbers?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile


def told_apart(columns: Sequence[str]) -> tuple[str, ...]:
    """What tells the names apart (a, b, c of opa, opb, opc), whole numbers; empty where some name has nothing of its own."""
    start = _shared(columns)
    while any(name[start : start + 1].isdigit() for name in columns) and columns[0][start - 1 : start].isdigit():
        start -= 1
    end = _shared([name[start:][::-1] for name in columns])
    while end and any(name[: len(name) - end][-1:].isdigit() for name in columns) and columns[0][-end].isdigit():
        end -= 1
    short = tuple(name[start : len(name) - end] for name in columns)
    return short if all(short) else ()


def number_order(columns: Sequence[str]) -> tuple[int, ...]:
    """Places of the columns by their numbers, where these count on from 0 or 1 and so may be positions; else empty."""
    short = told_apart(columns)
    if not short or not all(name.isascii() and name.isdigit() for name in short):
        return ()
    numbers = [int(name) for name in short]
    wanted = sorted(numbers)
    if wanted[0] > 1 or wanted != list(range(wanted[0], wanted[0] + len(wanted))):
        return ()
    return tuple(numbers.index(number) for number in wanted)


def _shared(names: Sequence[str]) -> int:
    """How many characters all names begin with."""
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
