"""Do numbers beside options say how right these are, or are they something else? All rows of a table decide together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.experiments.items.importing.usable_values import UnusableRowError, written


@dataclass(frozen=True)
class Marking:
    """What the numbers in the options' own field are, in every row of a table."""

    scored: bool = False
    """They say which option is right."""
    named: bool = False
    """They are no options: in an object of numbers the options are its names."""


def marking_of(rows: Iterable[tuple[Mapping[str, float], Any]], *, asked: bool, answered: bool, keyed: bool) -> Marking:
    """What they are, from the numbers in every row's options (none where these are texts) and its key or answer.

    `asked` says that the mapping calls them scores, `answered` and `keyed` that it has an answer or a key of its own.
    Without these, zeros and ones in all rows are scores. With them numbers may be the options: they aren't where some
    row repeats a zero or a one, since nobody offers an option twice, nor where every key names the option with the one.
    """
    pairs = list(rows)
    marks = bool(pairs) and all(numbers and set(numbers.values()) <= {0, 1} for numbers, _ in pairs)
    certain = marks and any(len(numbers) > 2 for numbers, _ in pairs)
    if asked or not (answered or keyed):
        return Marking(asked or marks, asked or marks)
    return Marking(certain and not keyed, certain or (marks and _agree(pairs, places=keyed)))


def _agree(pairs: Sequence[tuple[Mapping[str, float], Any]], *, places: bool) -> bool:
    """Whether the names are words, and every key that is one of them is that of the option with the one.

    Keys may all be `places` instead of names.
    """
    if all(len(name.strip()) <= 2 for numbers, _ in pairs for name in numbers):
        return False
    named = [(numbers, str(key).strip()) for numbers, key in pairs if key is not None]
    agree = [numbers[key] == 1 for numbers, key in named if key in numbers]
    return all(agree) if agree else places


def are_one_hot(keys: Iterable[tuple[Any, int]]) -> bool:
    """Whether keys are lists with a score an option, as [0, 1, 0]; each comes with the number of its row's options.

    [0, 1] may as well list the places of two right options: it does where another key of the table is no such list.
    """
    any_one_hot = False
    for key, count in keys:
        listed = listed_key(key)
        if listed is None:
            nothing = key is None or (isinstance(key, float) and math.isnan(key))
            if nothing or (isinstance(key, str) and not key.strip()):
                continue
            return False
        if len(listed) == count and all(map(is_score, listed)) and set(listed) <= {0, 1}:
            any_one_hot = True
        elif len({str(entry) for entry in listed}) == len(listed) > 0:
            return False
    return any_one_hot


def listed_key(key: Any) -> Sequence[Any] | None:
    """The list that a key is or writes; None where it is none."""
    value = written(key) if isinstance(key, str) else key
    return value if isinstance(value, list | tuple) else None


def is_score(value: Any) -> bool:
    """Whether it is a finite number or a truth value."""
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def best(scores: Sequence[float]) -> int:
    """Place of the highest score. Raises UnusableRowError where none is above zero or several are highest."""
    highest = max(scores, default=0)
    if highest <= 0 or list(scores).count(highest) != 1:
        raise UnusableRowError("the row has not exactly one right option")
    return list(scores).index(highest)
