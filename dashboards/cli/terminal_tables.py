"""How is a table printed so that no column is lost, however narrow the terminal is?

As a table where every cell fits on its line; else row by row, each number with its column's name; a matrix in parts.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from strata.dashboards.cli.foreign_text import escaped

_GAP = 2
"""Blanks between two columns; one where that makes the table fit."""


@dataclass(frozen=True)
class Column:
    name: str
    justify: Literal["left", "right"] = "left"


Row = Sequence[str | Text]


def print_table(console: Console, title: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """The first column names the row."""
    rows = [[_harmless(cell) for cell in row] for row in rows]
    _line(console, title)
    for gap in (_GAP, 1):
        if sum(_widths(columns, rows, gap)) - gap <= console.width:
            console.print(_table(columns, rows, gap))
            return
    for first, *others in rows:
        _line(console, str(first))
        named = zip(columns[1:], others, strict=True)
        _wrapped(console, [f"{column.name} {cell}" for column, cell in named if str(cell)])


def print_matrix(console: Console, title: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Columns that do not fit beside each other follow underneath, each part with the first column again."""
    rows = [[_harmless(cell) for cell in row] for row in rows]
    _line(console, title)
    widths = _widths(columns, rows)
    start = 1
    while start < len(columns):
        end = start + 1
        while end < len(columns) and widths[0] + sum(widths[start : end + 1]) - _GAP <= console.width:
            end += 1
        part = [0, *range(start, end)]
        console.print(_table([columns[i] for i in part], [[row[i] for i in part] for row in rows]))
        start = end


def fitting_from_the_end(
    console: Console, fixed: Sequence[Column], columns: Sequence[Column], rows: Sequence[Row], fixed_rows: Sequence[Row]
) -> int:
    """How many of the last `columns` fit beside `fixed`, which are always shown; one at least."""
    room = console.width + _GAP - sum(_widths(fixed, fixed_rows))
    shown = 0
    for width in reversed(_widths(columns, rows)):
        if shown and width > room:
            break
        room, shown = room - width, shown + 1
    return shown


def _harmless(cell: str | Text) -> str | Text:
    """Text of ours comes styled; what is plain may be somebody else's."""
    return cell if isinstance(cell, Text) else escaped(cell)


def _widths(columns: Sequence[Column], rows: Sequence[Row], gap: int = _GAP) -> list[int]:
    """Of every column its widest cell and the gap behind it."""
    return [
        max([cell_len(column.name), *(cell_len(str(row[i])) for row in rows)]) + gap for i, column in enumerate(columns)
    ]


def _table(columns: Sequence[Column], rows: Sequence[Row], gap: int = _GAP) -> Table:
    # The box puts one blank between columns itself.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap - 1, 0, 0), pad_edge=False)
    for column in columns:
        # Folded where even one column is wider than the terminal: cut off it would be lost.
        table.add_column(Text(escaped(column.name)), justify=column.justify, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table


def _line(console: Console, text: str, indent: str = "") -> None:
    for part in textwrap.wrap(
        escaped(text), max(20, console.width), subsequent_indent=indent, break_on_hyphens=False
    ) or [""]:
        console.print(part, markup=False, soft_wrap=True)


def _wrapped(console: Console, pieces: Sequence[str]) -> None:
    """Pieces side by side, a new line where one would be broken."""
    line = ""
    for piece in pieces:
        longer = f"{line} · {piece}" if line else f"  {piece}"
        if line and cell_len(longer) > console.width:
            _line(console, line, "    ")
            longer = f"  {piece}"
        line = longer
    if line:
        _line(console, line, "    ")
