"""What is a figure here? Plain values in plotly's format, with its title, its words for a reader who doesn't see it, and its numbers.

No module of this room imports plotly where it is read: a page needs the values alone.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from strata.dashboards.number_formats import significant

if TYPE_CHECKING:
    import plotly.graph_objects as go

PlotlyObject = dict[str, Any]
"""A trace, a shape or an annotation as plotly's figure format has it."""
Cell = str | float | None
Width = Literal["wide", "narrow", "phone"]
WIDTHS: dict[Width, int] = {"wide": 1192, "narrow": 640, "phone": 340}
"""For how many pixels a figure is laid out."""
WIDE_FROM, NARROW_FROM = 1000, 600
"""Pixels of a page from which on the wide and the narrow layout are drawn."""


@dataclass(frozen=True)
class Block:
    """Rows of a table, column by column; what is no sequence is the same in every row."""

    columns: tuple[Cell | Sequence[Cell], ...]

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        lengths = {len(column) for column in self.columns if not isinstance(column, str | int | float | None)}
        for at in range(lengths.pop() if lengths else 1):
            yield tuple(
                column if isinstance(column, str | int | float | None) else column[at] for column in self.columns
            )


@dataclass(frozen=True)
class Table:
    """The numbers of a figure."""

    head: tuple[str, ...]
    blocks: tuple[Block, ...]

    def rows(self) -> list[tuple[Cell, ...]]:
        return [row for block in self.blocks for row in block.rows()]


@dataclass(frozen=True)
class Drawn:
    """A figure."""

    data: Sequence[PlotlyObject]
    """Traces."""
    layout: PlotlyObject
    title: str
    aria: str
    """The figure in words."""
    note: str
    """What stands beneath it."""
    table: Table
    depth: Mapping[str, PlotlyObject] = field(default_factory=dict)
    """By axis of the layout: what its entries become where layers are counted as depth, 0 to 1."""
    hint: str = ""
    """What a reader of a page can do with it."""

    def figure(self, *, as_depth: bool = False) -> go.Figure:
        """As plotly's own figure, to be shown, changed or written by its means."""
        import plotly.graph_objects as go

        layout = dict(self.layout)
        for name, entries in self.depth.items() if as_depth else ():
            layout[name] = {**layout[name], **entries}
        return go.Figure({"data": list(self.data), "layout": layout})

    def as_json(self, known: Rounded | None = None) -> PlotlyObject:
        """What a page embeds. `known`: what was rounded for other figures of the page, which often hold the same lists."""
        rounded = (known or Rounded()).of
        return {
            "data": rounded(self.data), "layout": rounded(self.layout), "title": self.title, "aria": self.aria, "note": " ".join(filter(None, (self.note, self.hint))),
            "table": {"head": list(self.table.head), "blocks": [rounded(block.columns) for block in self.table.blocks]},
            "depth": rounded(self.depth),
        }  # fmt: skip


Choices = Mapping[str, Mapping[Width, Drawn]]
"""The figures of a view by what is chosen there, in the layouts that differ: one that isn't there is drawn as the next wider one."""
Figures = Mapping[str, Choices]
"""By view."""


class Rounded:
    """Numbers to five significant digits, in whatever JSON holds them; whole ones as such. Equal parts become one and the same."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}
        """By identity: the part, which has to stay alive, and what it became."""
        self._alike: dict[bytes, Any] = {}
        """By what a part holds, written out: what it became. Most parts of a page's figures are equal to an earlier one."""

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind not in _CONTAINERS and not isinstance(value, Mapping | list | tuple):
            return _rounded(value)
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = (value, self._once(value) if kind in _CONTAINERS else self._made(value))
        return known[1]

    def _once(self, value: dict[str, Any] | list[Any] | tuple[Any, ...]) -> dict[str, Any] | list[Any]:
        # Version 2 writes what an object holds, whatever else refers to it.
        try:
            written = marshal.dumps(value, 2)
        except ValueError:  # it holds a mapping of another type
            return self._made(value)
        if written not in self._alike:
            self._alike[written] = self._made(value)
        made: dict[str, Any] | list[Any] = self._alike[written]
        return made

    def _made(self, value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> dict[str, Any] | list[Any]:
        if isinstance(value, Mapping):
            return {name: self.of(inner) for name, inner in value.items()}
        # Most parts are columns of numbers or words: a call an entry would take as long as all the rest.
        kinds = set(map(type, value))
        if kinds <= _AS_THEY_ARE:
            return list(value)
        if kinds <= _NUMBERS_AND_WORDS:
            return [_rounded(inner) if type(inner) is float else inner for inner in value]
        return [self.of(inner) for inner in value]


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    short = significant(value)
    return int(short) if short is not None and short == int(short) else short


_CONTAINERS = frozenset((dict, list, tuple))
_AS_THEY_ARE = frozenset((str, int, bool, type(None)))
_NUMBERS_AND_WORDS = _AS_THEY_ARE | {float}
