"""Panels of cells and blocks beside and below each other in one figure, all in one scale of colours."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from strata.dashboards.figures.figure_values import NARROW_FROM, WIDE_FROM, WIDTHS, Block, PlotlyObject, Table, Width
from strata.dashboards.figures.map_key import AGAINST, key_of
from strata.dashboards.figures.marks import (
    Marks,
    empty_marks,
    handover_marks,
    outline_marks,
    row_marks,
)
from strata.dashboards.figures.palette import FONT, PALETTES, Palette, Theme, plain
from strata.dashboards.figures.row_heights import BOTTOM, CELL, ROWS, TOPS
from strata.dashboards.sentences.figures.layers import BLOCK
from strata.dashboards.sentences.figures.stages import HEAD, SCALE
from strata.dashboards.sentences.places import cell_parts
from strata.dashboards.view.stage_panels import Panel
from strata.probes.interventions.cells import Cell

_PANEL, _UNDER, _FOOT = 210, 38, 98
"""Heights in pixels: of a panel, of its block numbers, of the colour bar with two lines of key."""
_TITLE_LINE, _LINE, _KEY_LINE = 18, 17, 14
"""Heights of lines: of a title, of what is said beneath it, of the key."""
_LABELS, _RIGHT, _EFFECTS = 132, 8, 82
"""Pixels of a figure: of the names of rows, of its right margin, of the numbers behind a panel."""
_LETTER, _TITLE_LETTER, _NAME_LETTER, _KEY_LETTER = 6.2, 7.8, 6.6, 5.5
"""Pixels of a letter: above a panel, of its title, of a name within it, of the key."""
_MOST_TITLE_LINES, _MOST_LINES = 2, 5
_NARROWEST: dict[Width, int] = {"wide": WIDE_FROM, "narrow": NARROW_FROM, "phone": WIDTHS["phone"] - 20}
"""Pixels of a figure in which a layout has to have room."""


@dataclass(frozen=True)
class Grid:
    """How panels stand beside each other."""

    columns: tuple[tuple[float, float], ...]
    """As shares of the width; behind each the effects of its rows."""
    across: int
    """Pixels of all columns, at least."""
    bar: float
    """Share of the width that the colour bar takes."""


def beside(n: int, width: Width) -> Grid:
    """`n` panels beside each other, behind each room for its numbers however small a page this layout is drawn on."""
    across = _NARROWEST[width] - _LABELS - _RIGHT
    each, behind = 1 / n, _EFFECTS / across
    columns = tuple((number * each, (number + 1) * each - behind) for number in range(n))
    return Grid(columns, across, min(0.9, 300 / across))


@dataclass(frozen=True)
class Scale:
    """The colours of all panels."""

    limit: float
    """The largest gain, or change of one, at a block."""
    signed: bool
    """Whether any lies below 0."""
    title: str = SCALE


def grid_json(panels: Sequence[Sequence[Panel]], grid: Grid, n_layers: int, scale: Scale, theme: Theme) -> PlotlyObject:
    """`{"data": […], "layout": {…}}`."""
    palette = PALETTES[theme]
    heads = [_Heads.of(row, grid) for row in panels]
    key = _lines("; ".join(key_of([panel for row in panels for panel in row])), grid.across / _KEY_LETTER)
    scale_title = _lines(scale.title, grid.across / _LETTER)
    foot = _FOOT + _KEY_LINE * (len(key) - 2) + _LINE * (len(scale_title) - 1)
    height = sum(head.height + _PANEL + _UNDER for head in heads) + foot
    figure: PlotlyObject = {"data": [], "layout": _layout(palette, height, n_layers)}
    if not panels:
        return figure
    number, top = 0, 0
    for row, head in zip(panels, heads, strict=True):
        top += head.height
        # Domains are shares of the height, from below; margins are zero there.
        domain = (1 - (top + _PANEL) / height, 1 - top / height)
        for column, panel in enumerate(row):
            number += 1
            across = grid.columns[column]
            figure["layout"]["annotations"] += head.drawn(column, across[0], domain[1], palette)
            letters = int((across[1] - across[0]) * grid.across / _NAME_LETTER)
            _draw(figure, panel, _Slot(number, across, domain, n_layers, letters), palette, scale.limit)
        top += _PANEL + _UNDER
    figure["layout"]["coloraxis"] = _colours(palette, scale, scale_title, grid.bar, (foot - 24) / height)
    figure["layout"]["annotations"].append(_key(key, palette))
    return figure


def grid_table(figure: PlotlyObject) -> Table:
    """Every gain by panel, cell and block: what the colours show."""
    n_layers = figure["layout"]["meta"]["n_layers"]
    blocks, depths = list(range(n_layers)), [round((b + 0.5) / n_layers, 5) for b in range(n_layers)]
    rows = [
        Block((trace["meta"]["panel"], cell, [str(b) for b in blocks], depths, trace["customdata"][row], trace["meta"]["effects"][row]))
        for trace in figure["data"]
        if trace["type"] == "heatmap"
        for row, cell in enumerate(trace["meta"]["cells"])
        if cell is not None
    ]  # fmt: skip
    return Table(HEAD, tuple(rows))


@dataclass(frozen=True)
class _Slot:
    """Where a panel stands."""

    number: int
    across: tuple[float, float]
    domain: tuple[float, float]
    n_layers: int
    letters: int
    """That fit over its width."""


def colour_step(gain: float) -> float:
    """Square root with the sign kept: what the colour scale is linear in."""
    return float(abs(gain) ** 0.5 * (1 if gain >= 0 else -1))


def _draw(figure: PlotlyObject, panel: Panel, slot: _Slot, palette: Palette, limit: float) -> None:
    layout, number, across, domain, n_layers = figure["layout"], slot.number, slot.across, slot.domain, slot.n_layers
    suffix = "" if number == 1 else str(number)
    axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    first = across[0] == 0
    labels = [_row_label(cell, panel.span) for cell in ROWS]
    quiet = {"showgrid": False, "zeroline": False, "fixedrange": True}
    layout[f"xaxis{suffix}"] = {
        **quiet, "anchor": axes["yaxis"], "domain": list(across), "range": [-0.5, n_layers - 0.5], "dtick": _tick_step(n_layers),
        "tick0": 0, "ticks": "outside", "ticklen": 3, "tickfont": {"size": 11, "color": palette.muted}, "tickcolor": palette.strong_line,
        "title": {"text": BLOCK, "font": {"size": 12, "color": palette.muted}, "standoff": 2},
    }  # fmt: skip
    layout[f"yaxis{suffix}"] = {
        **quiet, "anchor": axes["xaxis"], "domain": list(domain), "range": [BOTTOM, 0], "tickvals": [TOPS[c] + sum(CELL) / 2 for c in ROWS],
        "ticktext": labels, "showticklabels": first, "tickfont": {"size": 12, "color": palette.text}, "ticks": "",
    }  # fmt: skip
    marks = Marks()
    if panel.cells:
        row_marks(marks, panel, n_layers, palette, colour_step, AGAINST)
        handover_marks(marks, panel, n_layers, palette)
        outline_marks(marks, panel, n_layers, slot.letters, palette)
    else:
        empty_marks(marks, panel, n_layers, palette)
    figure["data"] += [{**axes, **trace} for trace in marks.traces]
    layout["shapes"] += [{"xref": axes["xaxis"], "yref": axes["yaxis"], **shape} for shape in marks.shapes]
    for note in marks.annotations:
        layout["annotations"].append({"xref": axes["xaxis"], "yref": axes["yaxis"], "showarrow": False, **note})


def _tick_step(n_layers: int) -> int:
    """At most seven numbers on an axis: 1, 2, 5, 10, 20, … blocks apart."""
    return next(step * 10**power for power in range(9) for step in (1, 2, 5) if n_layers <= 7 * step * 10**power)


def _row_label(cell: Cell, span: str | None) -> str:
    """Over two lines: `attention (move)`, `at the last token`."""
    part, where = cell_parts(cell, span)
    return f"{part} <i>({cell})</i><br>{plain(where)}"


@dataclass(frozen=True)
class _Heads:
    """What stands above the panels of a row, over as many lines as the longest of them needs."""

    titles: list[list[str]]
    says: list[list[str]]

    @staticmethod
    def of(panels: Sequence[Panel], grid: Grid) -> _Heads:
        wide = grid.across / len(grid.columns) - 8
        return _Heads(
            [_lines(panel.title, wide / _TITLE_LETTER, _MOST_TITLE_LINES) for panel in panels],
            [
                # An interval stays on one line.
                _lines(re.sub(r", (?=[-−\d]+\])", ",\N{NO-BREAK SPACE}", panel.says), wide / _LETTER, _MOST_LINES)
                for panel in panels
            ],
        )

    @property
    def under_titles(self) -> int:
        """Pixels from the lower edge of the titles to the panels."""
        return _LINE * max(2, *map(len, self.says), 0)

    @property
    def height(self) -> int:
        return self.under_titles + 6 + _TITLE_LINE * max(1, *map(len, self.titles), 0)

    def drawn(self, column: int, x: float, y: float, palette: Palette) -> list[PlotlyObject]:
        common = {"xref": "paper", "yref": "paper", "x": x, "y": y, "showarrow": False, "align": "left", "xanchor": "left",
                  "yshift": self.under_titles}  # fmt: skip
        title, says = ("<br>".join(map(plain, lines)) for lines in (self.titles[column], self.says[column]))
        return [
            {**common, "text": f"<b>{title}</b>", "yanchor": "bottom", "font": {"size": 13.5, "color": palette.text}},
            {**common, "text": says, "yanchor": "top", "font": {"size": 12, "color": palette.muted}},
        ]


def _lines(text: str, letters: float, most: int | None = None) -> list[str]:
    return textwrap.wrap(text, max(8, int(letters)), max_lines=most, placeholder=" …") or [""]


def _key(lines: Sequence[str], palette: Palette) -> PlotlyObject:
    """What lines and patterns mean, at the foot."""
    return {"xref": "paper", "yref": "paper", "x": 0.0, "y": 0.0, "xanchor": "left", "yanchor": "bottom", "align": "left", "text": "<br>".join(lines),
            "showarrow": False, "font": {"size": 11, "color": palette.muted}, "yshift": 4}  # fmt: skip


def _layout(palette: Palette, height: int, n_layers: int) -> PlotlyObject:
    return {
        "height": height, "margin": {"l": _LABELS, "r": _RIGHT, "t": 0, "b": 0}, "paper_bgcolor": palette.card, "plot_bgcolor": palette.card,
        "font": {"family": FONT, "size": 12, "color": palette.text}, "showlegend": False, "dragmode": False, "hovermode": "closest",
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "align": "left", "font": {"size": 12, "color": palette.text}},
        "shapes": [], "annotations": [], "meta": {"n_layers": n_layers},
    }  # fmt: skip


def _colours(palette: Palette, scale: Scale, title: Sequence[str], bar: float, y: float) -> PlotlyObject:
    limit, signed = scale.limit, scale.signed
    top = colour_step(limit)
    colours = palette.diverging if signed else palette.diverging[2:]
    steps = [step for step in (0.05, 0.2, 0.5) if step < 0.6 * limit]
    values = [0.0, *steps, limit]
    texts = ["0", *(f"{step:g}" for step in steps), f"{limit:.2f}"]
    if signed:
        values, texts = [-limit, *values], [f"−{limit:.2f}", *texts]
    return {
        "colorscale": [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)],
        "cmin": -top if signed else 0.0, "cmax": top,
        "colorbar": {
            "orientation": "h", "thickness": 10, "len": bar, "x": 0.0, "xanchor": "left", "y": y, "yanchor": "top",
            "ypad": 0, "xpad": 0, "outlinewidth": 1, "outlinecolor": palette.strong_line, "tickvals": [colour_step(v) for v in values], "ticktext": texts, "tickangle": 0,
            "tickfont": {"size": 11, "color": palette.muted},
            "title": {"text": "<br>".join(title), "side": "top",
                      "font": {"size": 12, "color": palette.muted}},
        },
    }  # fmt: skip
