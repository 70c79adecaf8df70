"""How does a stage map look in a terminal? Signs in place of colours: a row a cell, a sign a block, panels beside each other where they fit.

The same panels as the page's. Where there are more blocks than a panel has room for, neighbours share a sign: what is gained in
all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.figures.map_key import AGAINST as WORKS_AGAINST
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.terminal_maps import NOT_MEASURED, legend
from strata.dashboards.view.stage_panels import Outline, Panel, PanelCell
from strata.probes.interventions.cells import CELLS, Cell, at_span

HEIGHTS = "▁▂▃▄▅▆▇█"
NOTHING, UNKNOWN, IDENTITY, AGAINST = "·", " ", "×", "▽"
PLACED, NAMED = "─", "━"
"""Beneath a row: a family is made there; the place that the sentence names, or a family's own."""
_LEAST = 0.5
"""Of the lowest sign: below it nothing is drawn."""
_NAMES = max(map(len, CELLS)) + 1
_EFFECT = 5
"""Columns behind a row: a sign, or a blank, and four of its effect."""
_NARROWEST = 24
"""Blocks that a panel has room for before panels stand beneath each other."""
_WIDEST = 120


@dataclass(frozen=True)
class Shape:
    """How all panels are drawn."""

    n_layers: int
    signs: int
    """Columns that the blocks of a panel take."""
    limit: float
    """The largest gain of a sign in any panel."""

    def columns(self, first: int, last: int) -> tuple[int, int]:
        """The signs of a stretch of blocks, both ends among them."""
        return first * self.signs // self.n_layers, last * self.signs // self.n_layers

    def blocks(self, sign: int) -> range:
        """Those that share a sign."""
        return range(-(-sign * self.n_layers // self.signs), -(-(sign + 1) * self.n_layers // self.signs))


def print_stage_maps(console: Console, panels: Sequence[Sequence[Panel]], n_layers: int) -> None:
    """Prints rows of panels in one scale, nothing where there are none. No line is wider than the console."""
    shown = [panel for row in panels for panel in row if panel.cells]
    if not shown:
        return
    width = min(console.width, _WIDEST)
    most = max(map(len, panels))
    beside = next(n for n in range(most, 0, -1) if n == 1 or _room(width, n) >= min(n_layers, _NARROWEST))
    signs = max(1, min(n_layers, _room(width, beside)))
    bare = Shape(n_layers, signs, 1.0)
    gains = [abs(gain) for panel in shown for cell in panel.cells for gain in _gains(panel, cell, bare) if gain]
    shape = Shape(n_layers, signs, max([0.1, *gains]))
    for row in panels:
        for start in range(0, len(row), beside):
            for line in _lines(row[start : start + beside], shape):
                console.print(line, soft_wrap=True)
    console.print(Text(" " * _NAMES + _axis(shape), style="dim"), soft_wrap=True)
    for said in legend(HEIGHTS, (NAMED, PLACED, IDENTITY, AGAINST), shape.limit, math.ceil(n_layers / signs), width):
        console.print(Text(said, style="dim"), soft_wrap=True)


def _room(width: int, panels: int) -> int:
    """Signs of each of so many panels beside each other."""
    return (width - _NAMES - (panels - 1)) // panels - _EFFECT


def _lines(panels: Sequence[Panel], shape: Shape) -> Iterator[Text]:
    yield _beside("", [Text(_cut(escaped(panel.title), shape.signs + _EFFECT), "bold") for panel in panels])
    for cell in CELLS:
        yield _beside(cell, [_row(panel, cell, shape) for panel in panels])
        marks = [_marks(panel.outlines, cell, shape) for panel in panels]
        if any(str(mark).strip() for mark in marks):
            yield _beside("", marks)


def _cut(text: str, width: int) -> str:
    """Of just that width; what doesn't fit ends in an ellipsis."""
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def _beside(name: str, parts: Sequence[Text]) -> Text:
    line = Text(name.ljust(_NAMES))
    line.append_text(Text(" ").join(parts))
    line.rstrip()
    return line


def _row(panel: Panel, cell: Cell, shape: Shape) -> Text:
    row = panel.cells.get(cell)
    if row is None or not row.profile:
        said = NOT_MEASURED if row is None or row.effect is None else ""
        effect = "" if row is None else _effect(row)
        return Text(set_cell_size(said, shape.signs) + effect.rjust(_EFFECT), "dim")
    made = {sign for outline in _made(panel.outlines, cell) for sign in _stretch(outline, shape)}
    line = Text()
    for sign, gain in enumerate(_gains(panel, cell, shape)):
        line.append(*_sign(gain, sign == 0 and at_span(cell), shape.limit, sign in made))
    line.append(_effect(row).rjust(_EFFECT), "" if row.counts else "dim")
    return line


def _gains(panel: Panel, cell: Cell, shape: Shape) -> list[float | None]:
    """By sign: what its blocks gain together. Block 0 at a replaced token says which token it was and isn't counted."""
    first, profile = int(at_span(cell)), panel.cells[cell].profile
    found: list[float | None] = []
    for sign in range(shape.signs if profile else 0):
        known = [gain for block in shape.blocks(sign) if block >= first and (gain := profile[block]) is not None]
        found.append(sum(known) if known else None)
    return found


def _sign(gain: float | None, identity: bool, limit: float, made: bool) -> tuple[str, str]:
    """Its height is linear in the square root, as the page's colours are."""
    if gain is None:
        return (IDENTITY, "dim") if identity else (UNKNOWN, "")
    if gain <= WORKS_AGAINST:
        return AGAINST, "red"
    height = len(HEIGHTS) * math.sqrt(max(gain, 0.0) / limit)
    if height < _LEAST:
        return NOTHING, "dim"
    return HEIGHTS[min(len(HEIGHTS) - 1, int(height))], "bold bright_green" if made else "cyan"


def _effect(row: PanelCell) -> str:
    return "" if row.effect is None else number(row.effect.value)


def _made(outlines: Sequence[Outline], cell: Cell) -> list[Outline]:
    return [outline for outline in outlines if outline.cell == cell and outline.role == "makes"]


def _stretch(outline: Outline, shape: Shape) -> range:
    first, last = shape.columns(outline.first, outline.last)
    return range(first, last + 1)


def _marks(outlines: Sequence[Outline], cell: Cell, shape: Shape) -> Text:
    """Where answers are made, beneath the row; the place that the sentence names over those of single families."""
    signs = [" "] * shape.signs
    for outline in sorted(_made(outlines, cell), key=lambda outline: outline.strong):
        for sign in _stretch(outline, shape):
            signs[sign] = NAMED if outline.strong else PLACED
    return Text("".join(signs) + " " * _EFFECT, "bright_green")


def _axis(shape: Shape) -> str:
    """Block numbers where their signs stand, and the last one."""
    line = ""
    step = next(
        step
        for step in (5, 10, 20, 25, 50, 100, 200, 500, 1000, shape.n_layers)
        if step * shape.signs >= 8 * shape.n_layers or step == shape.n_layers
    )
    for block in [*range(0, shape.n_layers, step), shape.n_layers - 1]:
        at = shape.columns(block, block)[0]
        if at >= cell_len(line) + (line != ""):
            line = line.ljust(at) + str(block)
    return line
