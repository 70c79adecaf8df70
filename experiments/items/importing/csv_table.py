"""What are the rows of a CSV table, and which of them don't fit its header?"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from strata.probes.errors import StrataError

SEPARATORS = ",;\t|"
_LOOKED_AT = 50
"""Rows after the header that are looked at to find the separator."""
_LONGEST_CELL = min(sys.maxsize, 2**31 - 1)


def csv_rows(path: Path, text: str, delimiter: str, header: Sequence[str] = ()) -> list[tuple[Mapping[str, Any], str]]:
    """Every row by column, with why it can't be used ("" where it can). Columns without a name are left away.

    Without `header` the first line names the columns.

    Raises StrataError for a table that isn't CSV, with its line, and for a column name given twice.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter = delimiter or ("\t" if path.suffix.lower() == ".tsv" else _separator(text))
    with _long_cells():
        lines = filter(None, _cells(text, delimiter, strict=True))
        try:
            names = [name.strip() for name in header or next(lines, [])]
            _check_header(path, names)
            return [_row(names, cells) for cells in lines]
        except csv.Error as error:
            line = text.count("\n", 0, _consumed(text, delimiter)) + 1
            raise StrataError(
                f"{path}, in the row that begins on line {line}, isn't CSV with {delimiter!r} between its cells: {error}",
                'Mend its quotes ("" inside a quoted cell), or set `delimiter` in [rows]',
            ) from error


def _row(header: list[str], cells: list[str]) -> tuple[Mapping[str, Any], str]:
    values = {name: cell for name, cell in zip(header, cells, strict=False) if name}
    if len(cells) > len(header):
        return values, "the row has more cells than the header (a separator that isn't quoted?)"
    if len(cells) < len(header):
        return values, "the row has fewer cells than the header (a line break that isn't quoted?)"
    return values, ""


def _check_header(path: Path, header: list[str]) -> None:
    places: dict[str, int] = {}
    for place, name in enumerate(header, 1):
        if name and places.setdefault(name, place) != place:
            raise StrataError(
                f"{path} has two columns called {name!r} (columns {places[name]} and {place})",
                "Rename one of them, or name all in `header` in [rows] if the file has no line of names",
            )


def _cells(text: str, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
    # Spaces after a separator would make the quotes of a quoted cell part of its text.
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict, skipinitialspace=True)


def _separator(text: str) -> str:
    """The separator that cuts the first rows into as many cells as the header; of several, into most."""
    best, separator = (0.0, 1), ","
    with _long_cells():
        for candidate in SEPARATORS:
            widths = [len(cells) for cells in islice(_cells(text, candidate, strict=False), _LOOKED_AT + 1) if cells]
            if widths and widths[0] > 1:
                score = (widths.count(widths[0]) / len(widths), widths[0])
                if score > best:
                    best, separator = score, candidate
    return separator


def _consumed(text: str, delimiter: str) -> int:
    """Where in the text the first row begins that can't be read."""
    source = io.StringIO(text, newline="")
    rows = csv.reader(iter(source.readline, ""), delimiter=delimiter, strict=True, skipinitialspace=True)
    position = 0
    try:
        for _ in rows:
            position = source.tell()
    except csv.Error:
        pass
    return position


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells of any length: the module's own limit is for the whole process, so it is put back."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)
