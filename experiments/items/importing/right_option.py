"""Which option does a row's key mean? Read over the whole table, since one row alone often doesn't tell.

A key of 1 may be the first or the second option, or the one whose text is 1. Labels that the data gives its options
come first; else that reading counts which fits most rows; where two fit as many and disagree, the mapping must say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from string import ascii_lowercase
from typing import Any

from strata.experiments.items.importing.choices import Options, bare_label
from strata.experiments.items.importing.column_numbers import number_order, told_apart
from strata.experiments.items.importing.mapping import ChoicesSpec
from strata.experiments.items.importing.scores import listed_key
from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text
from strata.probes.errors import StrataError

_TRUTHS = (("true", "yes"), ("false", "no"))
_WHOLE = re.compile(r"[+-]?\d{1,9}")
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class Key:
    """What one row says about its right option."""

    text: str
    """As it is written."""
    numeric: bool = False
    """Whether it is a number in the data, and not text."""


@dataclass(frozen=True)
class Reading:
    """How the keys of a table are read."""

    way: str
    """`label`, `letter`, `index` or `text`; empty where none fits any row."""
    first: int = 0
    """Number of the first option, for an index."""


def key_of(value: Any, field: str, options: Options, *, as_text: bool = False) -> Key:
    """The key of a row, also the only entry of a list, unless that `as_text` is the key.

    Raises UnusableRowError where there is none or several.
    """
    # An option may be a text that writes a list.
    as_text = isinstance(value, str) and (as_text or value.strip() in options.texts)
    listed = None if as_text else listed_key(value)
    if listed is not None:
        if len(listed) != 1:
            raise UnusableRowError("the row has not exactly one right option")
        value = listed[0]
    return Key(plain_text(value, field), isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def reading_of(rows: Sequence[tuple[Options, Key]], spec: ChoicesSpec, name: str) -> Reading:
    """How the keys of these rows are read, as the mapping `name` says or as the whole table shows.

    Raises StrataError where neither tells.
    """
    if spec.correct_is and spec.correct_is != "index":
        return Reading(spec.correct_is)
    bases = _bases(rows, spec)
    if spec.correct_is == "index":
        numbered = all(options.labels and all(map(str.isdigit, options.labels)) for options, _ in rows)
        return Reading("label") if numbered and spec.first is None else Reading("index", _base(bases, rows, spec, name))
    places_by_way = {way: [_place(options, key, way, bases[0]) for options, key in rows] for way in _ways(rows)}
    fits = {way: sum(place is not None for place in places) for way, places in places_by_way.items()}
    best = max(fits.values(), default=0)
    tied = [way for way, fit in fits.items() if fit == best]
    # A number in the data is the text of an option where options are texts only if nothing else explains it as well.
    if len(tied) > 1 and not any(options.numeric or not key.numeric for options, key in rows):
        tied = [way for way in tied if way != "text"]
    if best == 0 or tied[0] == "label":
        return Reading("label" if best else "")
    if len(tied) > 1 and (len({tuple(places_by_way[way]) for way in tied}) > 1 or ("index" in tied and len(bases) > 1)):
        raise StrataError(
            f"{name}: the values of {spec.correct!r} fit the options in more than one way ({' and '.join(tied)})",
            "Say which in [choices]: " + " or ".join(f'correct_is = "{way}"' for way in tied),
        )
    return Reading(tied[0], _base(bases, rows, spec, name) if tied[0] == "index" else 0)


def right_option(options: Options, key: Key, reading: Reading) -> int:
    """Index of the option that the key means. Raises UnusableRowError where it means none."""
    place = _place(options, key, reading.way, reading.first)
    if place is None:
        names = {"label": "label", "letter": "letter", "index": "number", "text": "text"}
        raise UnusableRowError(
            f"the key to the right option isn't the {names.get(reading.way, 'label, letter, number or text')} of any option",
            "" if reading.way else 'name another field as `correct`, or say `correct_is = "index"`',
        )
    return place


def same_option(options: Options, answer: str) -> bool:
    """Whether an answer is the text, or else the label or letter, of the right option."""
    right = options.right
    key = Key(answer)
    place = _by_text(options, key)
    if place is None:
        place = _place(options, key, "letter", 0)
    return place is not None and right is not None and options.texts[place] == options.texts[right]


def _ways(rows: Sequence[tuple[Options, Key]]) -> list[str]:
    """The ways that are open, those first that are asked first."""
    ways = ["label", "text"]
    # Where the data names its options, a key that is none of the names is no position either.
    if not any(options.labels for options, _ in rows):
        ways += ["letter", "index"]
    return ways


def _place(options: Options, key: Key, way: str, first: int) -> int | None:
    if way == "text":
        return _by_text(options, key)
    if way == "index":
        number = _number(key)
        return None if number is None else options.at(number - first)
    if way not in ("label", "letter"):
        return None
    named = _by_name(options, key)
    if named is not None or way == "label" or any(map(str.isalpha, options.labels)):
        return named
    letter = bare_label(key.text)
    known = ascii_lowercase[: len(options.texts)]
    if len(letter) != 1 or letter not in known:
        return None
    return known.index(letter) if options.labels else options.at(known.index(letter))


def _by_name(options: Options, key: Key) -> int | None:
    """By the label in the data, or by the column: in full, or by what tells the columns apart (b of opa … opd)."""
    # Columns that are numbered on from 0 or 1 don't say from what their keys count: 1 may be choice1 or the second.
    counted = bool(number_order(options.columns))
    wanted = bare_label(key.text)
    for names in (options.labels, options.columns, () if counted else told_apart(options.columns)):
        bare = [bare_label(name) for name in names]
        if wanted in bare and not (counted and wanted.isdigit()):
            return bare.index(wanted)
    return None


def _by_text(options: Options, key: Key) -> int | None:
    if key.text in options.texts:
        return options.texts.index(key.text)
    plain = [" ".join(text.casefold().split()) for text in options.texts]
    wanted = " ".join(key.text.casefold().split())
    for same in (wanted, *(word for words in _TRUTHS if wanted in words for word in words)):
        if plain.count(same) == 1:
            return plain.index(same)
    number = _decimal(key.text)
    equal = [place for place, text in enumerate(options.texts) if number is not None and _decimal(text) == number]
    return equal[0] if len(equal) == 1 else None


def _decimal(text: str) -> Decimal | None:
    """The number that a text is: 3, 3.0 and 3.00 are one."""
    return Decimal(text.strip()) if _DECIMAL.fullmatch(text.strip()) else None


def _number(key: Key) -> int | None:
    text = bare_label(key.text)
    return int(text) if _WHOLE.fullmatch(text) else None


def _bases(rows: Sequence[tuple[Options, Key]], spec: ChoicesSpec) -> tuple[int, ...]:
    """From what the keys can count: 0 where one is 0, 1 where one is the number of options, both where neither or both are."""
    if spec.first is not None:
        return (spec.first,)
    zero, top = _ends(rows)
    return (0, 1) if zero == top else (0,) if zero else (1,)


def _ends(rows: Sequence[tuple[Options, Key]]) -> tuple[bool, bool]:
    numbers = [(_number(key), len(options.texts)) for options, key in rows]
    return any(number == 0 for number, _ in numbers), any(number == count for number, count in numbers)


def _base(bases: Sequence[int], rows: Sequence[tuple[Options, Key]], spec: ChoicesSpec, name: str) -> int:
    if len(bases) == 1:
        return bases[0]
    both = any(_ends(rows))
    raise StrataError(
        f"{name}: {spec.correct!r} "
        + ("holds 0 as well as the number of options" if both else "holds neither 0 nor the number of options")
        + ", so whether it counts the options from 0 or from 1 can't be told",
        "Write first = 0 or first = 1 in [choices]",
    )
