"""What differs between two runs? Settings, models and versions, places and verdicts, and numbers beyond a tolerance."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from strata.experiments.results.families import Place
from strata.experiments.results.kinds import Located
from strata.experiments.results.reasons import WhyNotLocated, WhyNotPlaced
from strata.experiments.results.record import Finite, Record

Path = tuple[str, ...]
"""Keys from the outermost object of a file inwards; of a list's entries their numbers."""
Apart = Literal[
    "other-command",  # different questions: only settings are compared
    "other-models",
    "other-items",
    "other-versions",  # of Python or a library, other hardware or precision: numbers may differ by rounding
    "earlier-rule",  # one of them was made by the first rule of places, which is withdrawn
]
"""Why numbers of two runs may differ although nothing is wrong."""
VerdictOf = Literal["order", "hypothesis", "claim", "location-change", "headline", "base-check"]


class SettingApart(Record):
    """A setting that isn't the same in all runs."""

    path: Path
    values: tuple[JsonValue, ...]
    """One a run; None where it isn't set."""


class FamilyApart(Record):
    """A family whose answers are made elsewhere, or at a place that is known in one run only."""

    family: str
    span: str | None
    places: tuple[Place | None, Place | None]
    why: tuple[WhyNotPlaced | None, WhyNotPlaced | None]


class KindApart(Record):
    """A kind that is located elsewhere, or in one run only."""

    kind: str
    model: str | None
    """Of a comparison: in which of its models."""
    located: tuple[Located | None, Located | None]
    why: tuple[WhyNotLocated | None, WhyNotLocated | None]


class VerdictApart(Record):
    """What one run says and the other doesn't."""

    of: VerdictOf
    about: str
    """Sentence of the hypothesis, kind or model."""
    verdicts: tuple[str | int | None, str | int | None]
    """As they stand in the file; None: not said at all."""


class NumberApart(Record):
    """A number, or a list of them, that differs by more than the tolerance."""

    path: Path
    entry: int | None = None
    """Of a list: the entry that differs most."""
    values: tuple[Finite, Finite]
    differing: int = 1
    """Entries that differ."""
    of: int = 1
    """Entries in all."""

    @property
    def size(self) -> float:
        """|second − first| in units of the larger of 1 and both; infinite where one of them is no number."""
        return _apart(*self.values)


class CodeApart(Record):
    """A code, a name or a switch."""

    path: Path
    values: tuple[str | bool | float | None, str | bool | float | None]


class OnlyIn(Record):
    """What one run holds and the other doesn't."""

    path: Path
    run: Literal["first", "second"]


class LeavesApart(Record):
    """Of two results, apart from their places."""

    numbers: tuple[NumberApart, ...] = ()
    """The furthest apart first, those that only one run has last."""
    codes: tuple[CodeApart, ...] = ()
    only: tuple[OnlyIn, ...] = ()


class RunDifference(Record):
    """Only what differs; empty where two runs say the same."""

    version: Literal["strata.difference/1"] = Field(default="strata.difference/1", alias="schema")
    runs: tuple[str, str]
    tolerance: float
    apart: tuple[Apart, ...] = ()
    configuration: tuple[SettingApart, ...] = ()
    models: tuple[SettingApart, ...] = ()
    versions: tuple[SettingApart, ...] = ()
    families: tuple[FamilyApart, ...] = ()
    kinds: tuple[KindApart, ...] = ()
    verdicts: tuple[VerdictApart, ...] = ()
    leaves: LeavesApart = LeavesApart()

    @property
    def same_result(self) -> bool:
        """Whether the two say the same, whatever they were asked: no place, verdict or number differs."""
        return not (self.families or self.kinds or self.verdicts or self.leaves != LeavesApart())


def settings_apart(runs: Sequence[Mapping[Path, JsonValue]]) -> tuple[SettingApart, ...]:
    """Of settings by path those that aren't the same in all runs, in the order in which they occur."""
    paths = dict.fromkeys(path for settings in runs for path in settings)
    rows = [(path, tuple(settings.get(path) for settings in runs)) for path in paths]
    return tuple(SettingApart(path=path, values=values) for path, values in rows if any(v != values[0] for v in values))


def leaves_apart(first: JsonValue, second: JsonValue, tolerance: float, without: Collection[str] = ()) -> LeavesApart:
    """Of two results as JSON. `without`: keys that are told elsewhere, wherever they stand.

    Two numbers differ where |a − b| > tolerance × max(1, |a|, |b|).
    """
    numbers: list[NumberApart] = []
    codes: list[CodeApart] = []
    only: list[OnlyIn] = []
    for apart in _walk((), first, second, tolerance, frozenset(without)):
        match apart:
            case NumberApart():
                numbers.append(apart)
            case CodeApart():
                codes.append(apart)
            case OnlyIn():
                only.append(apart)
    numbers.sort(key=lambda number: (math.isinf(number.size), -number.size))
    return LeavesApart(numbers=tuple(numbers), codes=tuple(codes), only=tuple(only))


def _walk(
    path: Path, first: JsonValue, second: JsonValue, tolerance: float, without: frozenset[str]
) -> Iterator[NumberApart | CodeApart | OnlyIn]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in dict.fromkeys((*first, *second)):
            if key not in without:
                yield from _walk((*path, key), first.get(key), second.get(key), tolerance, without)
        return
    named = [_by_name(value) for value in (first, second)]
    if named[0] is not None and named[1] is not None:
        yield from _walk(path, named[0], named[1], tolerance, without)
        return
    lists = [_numbers(value) for value in (first, second)]
    if lists[0] is not None and lists[1] is not None and len(lists[0]) == len(lists[1]):
        yield from _lists(path, lists[0], lists[1], tolerance)
    elif isinstance(first, list) and isinstance(second, list):
        for place, (one, other) in enumerate(zip(first, second, strict=False)):
            yield from _walk((*path, str(place)), one, other, tolerance, without)
        for place in range(min(len(first), len(second)), max(len(first), len(second))):
            yield OnlyIn(path=(*path, str(place)), run="first" if len(first) > len(second) else "second")
    elif isinstance(first, dict | list) or isinstance(second, dict | list):
        if first or second:  # an empty list says what null says
            yield OnlyIn(path=path, run="first" if isinstance(first, dict | list) and first else "second")
    elif _is_number(first) and _is_number(second):
        if _apart(_float(first), _float(second)) > tolerance:
            yield NumberApart(path=path, values=(_float(first), _float(second)))
    elif first != second:
        if _is_number(first) or _is_number(second):
            yield NumberApart(path=path, values=(_float(first), _float(second)))
        else:
            yield CodeApart(path=path, values=(first, second))


def _lists(path: Path, first: list[float], second: list[float], tolerance: float) -> Iterator[NumberApart]:
    sizes = [_apart(one, other) for one, other in zip(first, second, strict=True)]
    differing = sum(size > tolerance for size in sizes)
    if differing:
        most = max(range(len(sizes)), key=sizes.__getitem__)
        yield NumberApart(path=path, entry=most, values=(first[most], second[most]), differing=differing, of=len(sizes))


def _by_name(value: JsonValue) -> dict[str, JsonValue] | None:
    """A list of loci or heads by their cell, with block and head: another order of them is no difference. None for anything else."""
    if not isinstance(value, list):
        return None
    named: dict[str, JsonValue] = {}
    for entry in value:
        if not isinstance(entry, dict) or "cell" not in entry:
            return None
        name = " ".join(str(entry[key]) for key in ("cell", "layer", "head") if key in entry)
        same = sum(other.partition(" #")[0] == name for other in named)
        named[f"{name} #{same + 1}" if same else name] = entry
    return named


def _numbers(value: JsonValue) -> list[float] | None:
    """A list of numbers, nulls among them; None for anything else."""
    if not isinstance(value, list) or not any(map(_is_number, value)):
        return None
    return [_float(one) for one in value] if all(one is None or _is_number(one) for one in value) else None


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf if value > 0 else -math.inf


def _apart(first: float, second: float) -> float:
    if math.isnan(first) and math.isnan(second):
        return 0.0
    if first == second:
        return 0.0
    apart = abs(second - first) / max(1.0, abs(first), abs(second))
    return math.inf if math.isnan(apart) else apart
