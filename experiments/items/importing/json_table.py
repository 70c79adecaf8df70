"""What are the rows of a JSON or JSON Lines file, also one keyed by id?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from strata.experiments.items.importing.paths import AbsentError, look_up
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import UnreadableError, parse_json

_SHOWN = 12
Keyed = tuple[int, str | None, Mapping[str, Any]]
"""Place in the file, from 0; key where the table is keyed; columns."""


def json_lines(path: Path, text: str) -> list[Keyed]:
    """Every row of a file with one JSON object a line. Raises StrataError with the line."""
    rows: list[Keyed] = []
    for number, line in enumerate(text.split("\n")):
        if line.strip():
            row = _parsed(line, f"{path}:{number + 1}", "Mend or remove the line")
            if not isinstance(row, dict):
                raise StrataError(f"{path}:{number + 1} isn't a JSON object", "Write one object a line")
            rows.append((number, None, row))
    keys = {key for _, _, row in rows for key in row}
    inner = [next(iter(row.values())) for _, _, row in rows if len(row) == 1]
    # Columns have the same names in every line: lines of one key each, all different, are {"id": {…}}.
    if len(keys) == len(inner) == len(rows) > 1 and all(isinstance(row, dict) for row in inner):
        return [(number, *next(iter(row.items()))) for number, _, row in rows]
    return rows


def json_rows(path: Path, text: str, at: str) -> tuple[Mapping[str, Any], list[Keyed]]:
    """What surrounds the rows at `at`, and the rows: a list of objects, or an object of them by key."""
    whole = _parsed(text, str(path), "Mend the file")
    rows: Any = whole
    if at:
        try:
            rows = look_up(whole, at)
        except AbsentError:
            there = some_of(whole) if isinstance(whole, dict) else "a list"
            raise StrataError(f"{path} holds nothing at {at!r}", f"Change `at` in [rows]; there is: {there}") from None
    top = {key: value for key, value in whole.items() if key != at} if isinstance(whole, dict) else {}
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return top, [(number, None, row) for number, row in enumerate(rows)]
    if isinstance(rows, dict) and rows and all(isinstance(row, dict) for row in rows.values()):
        _not_columns(path, rows)
        return top if at else {}, [(number, key, row) for number, (key, row) in enumerate(rows.items())]
    if isinstance(rows, dict) and len(rows) > 1 and all(isinstance(column, list) for column in rows.values()):
        raise _columns(path)
    there = f"; there is: {some_of(rows)}" if isinstance(rows, dict) and not at else ""
    raise StrataError(
        f"{path} holds no list of objects at {at or 'its top'!r}", f"Change `at` in [rows] to where they are{there}"
    )


def some_of(names: Iterable[str]) -> str:
    """The first of the names that there are, for a message: a table may have more columns than anyone reads."""
    shown = [str(name) for name in islice(names, _SHOWN + 1)]
    cut = [name if len(name) <= 40 else f"{name[:40]}…" for name in shown[:_SHOWN]]
    return ", ".join([*cut, *(["…"] if len(shown) > _SHOWN else [])]) or "nothing"


def _not_columns(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses a table written column by column, whose 'rows' are columns and whose 'columns' are numbers."""
    if len(rows) > 1 and all(row and all(key.isdigit() for key in row) for row in rows.values()):
        raise _columns(path)


def _columns(path: Path) -> StrataError:
    return StrataError(
        f"{path} holds columns, not rows", 'Write it row by row (with pandas: to_json(..., orient="records"))'
    )


def _parsed(text: str, where: str, remedy: str) -> Any:
    try:
        return parse_json(text, distinct=True, rows=True)
    except UnreadableError as error:
        if error.trouble != "syntax":
            ways = {"number": "Write it as text", "twice": "Keep one of them"}
            raise StrataError(f"{where}: {error.reason}", ways.get(error.trouble, remedy)) from error
        place = where if where.rpartition(":")[2].isdigit() else f"{where}:{error.line}"
        if error.is_followed and error.line > 1:
            remedy = 'Set format = "jsonl" in [rows] if it holds one object a line'
        raise StrataError(f"{place} isn't JSON: {error.reason}", remedy) from error
