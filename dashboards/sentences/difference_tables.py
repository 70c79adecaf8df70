"""What differs between two runs, or between the settings of several, in words: tables that terminal and browser show alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.localisation import located_or_why
from strata.dashboards.sentences.places import ends_words, place_words
from strata.dashboards.sentences.reasons import why_not_located, why_not_placed
from strata.dashboards.visible_text import visible
from strata.experiments.results.families import Place
from strata.experiments.results.reasons import WhyNotPlaced
from strata.experiments.results.run_difference import (
    Apart,
    FamilyApart,
    KindApart,
    NumberApart,
    Path,
    RunDifference,
    SettingApart,
    VerdictApart,
    VerdictOf,
)

MOST_NUMBERS = 20
"""Rows of a table of numbers unless all are asked for."""
_LONGEST = 60
"""Of a setting's value."""
_DIGEST = re.compile(r"\b[0-9a-f]{40,64}\b")
"""Of one, its first eight signs are shown."""
_NOT_SET = "–"
_APART: dict[Apart, str] = {
    "other-command": "The two runs were made by different commands: only their settings are compared.",
    "other-models": "They measured different models.",
    "other-items": "They asked different items.",
    "other-versions": "They ran under other versions or on other hardware, so numbers may differ by rounding.",
    "earlier-rule": "One of them was made by an earlier rule, whose places are withdrawn.",
}
_VERDICT_OF: dict[VerdictOf, str] = {
    "order": "order of knowledge and reasoning",
    "hypothesis": "hypothesis",
    "claim": "claimed change of accuracy",
    "location-change": "where it is made, against the base",
    "headline": "claimed number",
    "base-check": "is the base its base",
}


@dataclass(frozen=True)
class DifferenceTable:
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def notes(difference: RunDifference) -> list[str]:
    """Why the two may differ although nothing is wrong; and that they say the same, where they do."""
    said = [_APART[code] for code in difference.apart]
    if difference.same_result and "other-command" not in difference.apart:
        said.append(
            f"Their results are the same: no place, verdict or number differs by more than {difference.tolerance:g}."
        )
    return said


def setting_tables(
    configuration: Sequence[SettingApart],
    models: Sequence[SettingApart],
    versions: Sequence[SettingApart],
    names: Sequence[str],
) -> list[DifferenceTable]:
    """Those that have rows. `names`: of the runs, as their columns are called."""
    titled = (("Configuration", configuration), ("Models", models), ("Versions", versions))
    return [
        DifferenceTable(
            title, ("setting", *names), tuple((path_words(row.path), *map(value_words, row.values)) for row in rows)
        )
        for title, rows in titled
        if rows
    ]


def difference_tables(
    difference: RunDifference, names: tuple[str, str] = ("first", "second"), most: int | None = MOST_NUMBERS
) -> list[DifferenceTable]:
    """All tables that have rows. `most`: of numbers and codes; None: all."""
    tables = setting_tables(difference.configuration, difference.models, difference.versions, names)
    places = [*map(_kind_row, difference.kinds), *map(_family_row, difference.families)]
    tables += _table("Where answers are made", ("of", *names), places)
    tables += _table("Verdicts", ("about", *names), [_verdict_row(row) for row in difference.verdicts])
    leaves = difference.leaves
    beyond = f"beyond {difference.tolerance:g}, the furthest apart first"
    tables += _shortened(
        f"Numbers {beyond}", ("number", *names, "change", "entries"), list(map(_number_row, leaves.numbers)), most
    )
    codes = [(path_words(row.path), *map(value_words, row.values)) for row in leaves.codes]
    tables += _shortened("Codes", ("field", *names), codes, most)
    only = [(path_words(row.path), names[0] if row.run == "first" else names[1]) for row in leaves.only]
    return tables + _shortened("Only in one of them", ("field", "run"), only, most)


def path_words(path: Path) -> str:
    """`families › capital › cells › move`."""
    return " › ".join(path)


def value_words(value: JsonValue) -> str:
    """A setting as it stands in its file, shortened; `–` where it isn't set."""
    if value is None:
        return _NOT_SET
    text = visible(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = _DIGEST.sub(lambda digest: f"{digest[0][:8]}…", text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[DifferenceTable]:
    return [DifferenceTable(title, header, tuple(rows))] if rows else []


def _shortened(
    title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], most: int | None
) -> list[DifferenceTable]:
    if most is None or len(rows) <= most:
        return _table(title, header, rows)
    return _table(f"{title} ({most} of {count(len(rows), 'row')})", header, rows[:most])


def _kind_row(row: KindApart) -> tuple[str, str, str]:
    told = [
        f"{located_or_why(place, sought=True)}"
        if place is not None or why is None
        else f"undetermined: {why_not_located(why)}"
        for place, why in zip(row.located, row.why, strict=True)
    ]
    return f"{row.kind}{'' if row.model is None else f' in {row.model}'}", told[0], told[1]


def _family_row(row: FamilyApart) -> tuple[str, str, str]:
    told = [_place(place, why, row.span) for place, why in zip(row.places, row.why, strict=True)]
    return row.family, told[0], told[1]


def _place(place: Place | None, why: WhyNotPlaced | None, span: str | None) -> str:
    if place is not None:
        return f"{place_words(place, span)} {ends_words(place.interval)}"
    return "not placed" if why is None else f"not placed: {why_not_placed(why, span)}"


def _verdict_row(row: VerdictApart) -> tuple[str, str, str]:
    about = f"{_VERDICT_OF[row.of]}{f' ({row.about})' if row.about else ''}"
    return about, _verdict(row.verdicts[0]), _verdict(row.verdicts[1])


def _verdict(value: str | int | None) -> str:
    if isinstance(value, int):
        return {1: "a gain", -1: "a loss"}.get(value, "nothing claimed")
    return _NOT_SET if value is None else value


def _number_row(row: NumberApart) -> tuple[str, ...]:
    first, second = row.values
    where = path_words(row.path) + ("" if row.entry is None else f" [{row.entry}]")
    entries = "" if row.of == 1 else f"{row.differing} of {row.of}"
    digits = 3 * any(math.isfinite(value) and value % 1 for value in row.values)
    return where, number(first, digits), number(second, digits), number(second - first, digits), entries
