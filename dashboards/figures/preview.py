"""What does a shared link show? A picture of 1200 × 630 pixels: the finding, its numbers with intervals, the stage maps."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.map_boxes import MapArea, colour_of, map_areas
from strata.dashboards.figures.palette import PALETTES
from strata.dashboards.figures.row_heights import BOTTOM, CELL, LABEL
from strata.dashboards.sentences.figures.stages import EFFECT_AT_A_BLOCK, NOT_MEASURED
from strata.dashboards.visible_text import visible

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDTH, HEIGHT = 1200, 630
_EDGE = 44
_TITLE, _TEXT, _SMALL = 38, 22, 18
"""Sizes of type."""
_TITLE_HEIGHT = 142
_SMALLEST_TITLE = 22
_NAME = 14
"""Size of type of what stands beside a box."""
_SMALLEST = 15
"""Size of type down to which what has no room becomes smaller before it is cut."""
_INK = PALETTES["light"]


@dataclass(frozen=True)
class PreviewNumber:
    """A number with its interval on a line from −limit to limit."""

    value: str
    label: str
    at: float | None
    low: float | None
    high: float | None
    limit: float
    sure: bool
    """Whether it is claimed."""


@dataclass(frozen=True)
class PreviewWords:
    """What is written on a preview."""

    finding: str
    models: str
    foot: str
    numbers: tuple[PreviewNumber, ...] = ()


def preview(words: PreviewWords, figure: PlotlyObject | None) -> bytes:
    """A PNG. `figure`: `{"data": …, "layout": …}` of a stage map as plain values, in the light theme; None where there is none."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), _INK.card)
    pen = _Pen(ImageDraw.Draw(image))
    pen.write((_EDGE, 24), "Strata", _TEXT, _INK.accent)
    pen.write((_EDGE + 96, 24), words.models, _TEXT, _INK.muted, WIDTH - 2 * _EDGE - 96)
    y = 66.0
    size, lines = pen.fitted(words.finding, WIDTH - 2 * _EDGE, _TITLE_HEIGHT)
    for line in lines:
        pen.write((_EDGE, y), line, size, _INK.text)
        y += size * _LEADING
    y += 12
    if words.numbers:
        each = (WIDTH - 2 * _EDGE) / len(words.numbers)
        for number, one in enumerate(words.numbers):
            _number(pen, one, _EDGE + number * each, y, each - 28)
        y += 108
    areas = [] if figure is None else map_areas(figure, WIDTH - 2 * _EDGE - _ROWS, HEIGHT - y - 92)
    for area in areas:
        _map(pen, area, _EDGE + _ROWS, y + 28)
    if figure is not None and areas:
        _rows(pen, figure, areas, y + 28)
    foot: float = WIDTH - 2 * _EDGE
    if figure is not None and areas:
        foot -= _key(pen, figure["layout"]["coloraxis"]) + 24
    pen.write((_EDGE, HEIGHT - 40), words.foot, _SMALL, _INK.muted, foot)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()


_LEADING = 1.24
_ROWS = 168
"""Pixels of the names of rows."""
_KEY_BAR, _BEHIND = 150, 88
"""Pixels of the bar of colours, and of what may stand behind a map."""


@dataclass(frozen=True)
class _Pen:
    """Writes and draws in the one font that the library carries."""

    draw: ImageDraw.ImageDraw

    def font(self, size: float) -> FreeTypeFont:
        from PIL import ImageFont

        found = ImageFont.load_default(size)
        assert isinstance(found, ImageFont.FreeTypeFont)
        return found

    def length(self, text: str, size: float) -> float:
        return self.draw.textlength(text, self.font(size))

    def write(self, at: tuple[float, float], text: str, size: float, ink: str, room: float | None = None) -> None:
        shown = written(text)
        while room is not None and size > _SMALLEST and self.length(shown, size) > room:
            size -= 1
        if room is not None:
            shown = self.cut(shown, size, room)
        self.draw.text(at, shown, ink, self.font(size))

    def cut(self, text: str, size: float, room: float) -> str:
        """With dots where it is longer than the room; one letter and the dots at least."""
        kept, shown = len(text), text
        while kept > 1 and self.length(shown, size) > room:
            kept = min(kept - 1, kept * 9 // 10)
            shown = f"{text[:kept].rstrip(' .')}..."
        return shown

    def fitted(self, text: str, room: float, height: float) -> tuple[int, list[str]]:
        """Size of type and lines: as large as the whole text fits, cut only where it doesn't at the smallest."""
        shown = written(text)
        for size in range(_TITLE, _SMALLEST_TITLE, -1):
            lines = self.wrapped(text, size, room, int(height / (size * _LEADING)))
            if " ".join(lines).replace(" ", "") == shown.replace(" ", ""):
                return size, lines
        size = _SMALLEST_TITLE
        return size, self.wrapped(text, size, room, int(height / (size * _LEADING)))

    def wrapped(self, text: str, size: float, room: float, lines: int) -> list[str]:
        shown = written(text)
        letters = int(room / max(1.0, self.length("a" * 20, size) / 20))
        while letters > 8:
            found = textwrap.wrap(shown, letters, max_lines=lines, placeholder=" ...")
            if all(self.length(line, size) <= room for line in found):
                return found
            letters -= 2
        return textwrap.wrap(shown, letters, max_lines=lines, placeholder=" ...")

    def box(
        self, x: float, y: float, width: float, height: float, fill: str | None, line: str | None, stroke: float
    ) -> None:
        ends = (round(x), round(y), max(round(x), round(x + width) - 1), max(round(y), round(y + height) - 1))
        self.draw.rectangle(ends, fill=fill, outline=line, width=max(1, round(stroke)))


_WRITTEN = {"−": "-", "–": "-", "…": "...", "→": "to", "“": '"', "”": '"', "’": "'", "\N{NO-BREAK SPACE}": " "}


def written(text: str) -> str:
    """In letters that the font has: Latin ones; what it lacks is a question mark."""
    plain = "".join(_WRITTEN.get(letter, letter) for letter in visible(text))
    return "".join(letter if letter.isascii() or "\xa0" < letter < "\u0180" else "?" for letter in plain)


def _number(pen: _Pen, number: PreviewNumber, x: float, y: float, width: float) -> None:
    ink = _INK.text if number.sure else _INK.muted
    pen.write((x, y), NOT_MEASURED if number.at is None else number.value, _TEXT + 2, ink, width)
    pen.write((x, y + 32), number.label, _SMALL, _INK.muted, width)
    if number.at is None:
        return
    middle, line = x + width / 2, y + 72

    def across(value: float) -> float:
        return middle + max(-1.0, min(1.0, value / number.limit)) * width / 2

    pen.draw.line((x, line, x + width, line), _INK.line, 2)
    pen.draw.line((middle, line - 12, middle, line + 12), _INK.strong_line, 2)
    colour = _INK.trained if number.sure else _INK.strong_line
    if number.low is not None and number.high is not None:
        pen.draw.line((across(number.low), line, across(number.high), line), colour, 6)
    at = across(number.at)
    pen.draw.ellipse((at - 8, line - 8, at + 8, line + 8), fill=colour)


def _map(pen: _Pen, area: MapArea, left: float, top: float) -> None:
    pen.write((left + area.x, top + area.y - 24), unescape(area.title), _SMALL, _INK.text, area.width)
    for box in area.boxes:
        if box.opacity == 1:  # what veils a row on the page would hide it here
            pen.box(left + box.x, top + box.y, box.width, box.height, box.fill, box.line, box.stroke * 1.6)
    between = area.height / BOTTOM * (1 - (CELL[1] - CELL[0]))
    for name in area.names:
        if between + 2 >= _NAME:  # above its box, where two rows leave room
            start = name.x - pen.length(written(name.text), _NAME) if name.leftwards else name.x
            ink = _INK.muted if name.quiet else _INK.text
            pen.write((left + start, top + name.y - _NAME * 0.62), name.text, _NAME, ink)
        elif not name.quiet:  # behind its row
            at, y = left + area.x + area.width + 6, top + name.y + area.height / BOTTOM * (sum(CELL) / 2 - LABEL)
            pen.write((at, y - _SMALLEST * 0.62), name.text.rpartition(": ")[2], _SMALLEST, ink=_INK.text, room=_BEHIND)


def _key(pen: _Pen, axis: PlotlyObject) -> float:
    """What the colours are, at the foot on the right; returns how wide it is."""
    bar, size = axis["colorbar"], _SMALLEST
    ends = written(bar["ticktext"][0]), written(bar["ticktext"][-1])
    y, right = HEIGHT - 38, WIDTH - _EDGE
    widths = [pen.length(end, size) for end in ends]
    first = right - widths[1] - 8 - _KEY_BAR
    for step in range(_KEY_BAR):
        value = axis["cmin"] + step / (_KEY_BAR - 1) * (axis["cmax"] - axis["cmin"])
        pen.box(first + step, y + 2, 2, 13, colour_of(value, axis), None, 0)
    pen.write((right - widths[1], y), ends[1], size, _INK.muted)
    pen.write((first - 8 - widths[0], y), ends[0], size, _INK.muted)
    words = EFFECT_AT_A_BLOCK
    begin = first - widths[0] - 20 - pen.length(words, size)
    pen.write((begin, y), words, size, _INK.muted)
    return right - begin


def _rows(pen: _Pen, figure: PlotlyObject, areas: Sequence[MapArea], top: float) -> None:
    """The names of the rows, left of every panel that stands first."""
    heat = next(trace for trace in figure["data"] if trace["type"] == "heatmap")
    cells, edges = heat["meta"]["cells"], heat["y"]
    words = iter(re.sub("<br>.*|<[^>]*>", "", text) for text in figure["layout"]["yaxis"]["ticktext"])
    names = [None if cell is None else unescape(next(words)) for cell in cells]
    first = min(area.x for area in areas)
    low, high = sorted(figure["layout"]["yaxis"]["range"])
    for area in areas:
        if area.x != first:
            continue
        for name, begin, end in zip(names, edges, edges[1:], strict=False):
            if name is not None:
                y = top + area.y + ((begin + end) / 2 - low) / (high - low) * area.height
                pen.write((_EDGE, y - _SMALL * 0.62), name, _SMALL, _INK.muted, _ROWS - 12)
