"""Panels of cells and blocks beside and below each other in one figure, all in one scale of colours."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from strata.dashboards.figures.figure_values import Block, PlotlyObject, Table
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
from strata.dashboards.sentences.figures.stages import ENDS_KEY, HEAD, PATTERNS_KEY, SCALE
from strata.dashboards.sentences.places import cell_parts
from strata.dashboards.view.stage_panels import Panel
from strata.probes.interventions.cells import Cell

_TITLE, _PANEL, _UNDER, _FOOT = 58, 210, 38, 98
"""Heights in pixels: above a panel, of a panel, of its block numbers, of the colour bar."""
AGAINST = -0.02
"""Gains below this are marked as working against the answer."""


@dataclass(frozen=True)
class Grid:
    """How panels stand beside each other."""

    columns: tuple[tuple[float, float], ...]
    """As shares of the width; behind each the effects of its rows."""
    letters: int
    """That fit on a line above a panel of a narrow page."""
    bar: float = 0.49
    """Share of the width that the colour bar takes."""


@dataclass(frozen=True)
class Scale:
    """The colours of all panels."""

    limit: float
    """The largest gain, or change of one, at a block."""
    signed: bool
    """Whether any lies below 0."""
    title: str = SCALE


def grid_json(
    panels: Sequence[Sequence[Panel]], grid: Grid, n_layers: int, scale: Scale, lines: str, theme: Theme
) -> PlotlyObject:
    """`{"data": […], "layout": {…}}`. `lines`: what the boxes of these panels mean."""
    palette = PALETTES[theme]
    height = len(panels) * (_TITLE + _PANEL + _UNDER) + _FOOT
    figure: PlotlyObject = {"data": [], "layout": _layout(palette, height, n_layers)}
    if not panels:
        return figure
    number = 0
    for row, beside in enumerate(panels):
        top = row * (_TITLE + _PANEL + _UNDER) + _TITLE
        # Domains are shares of the height, from below; margins are zero there.
        domain = (1 - (top + _PANEL) / height, 1 - top / height)
        for column, panel in enumerate(beside):
            number += 1
            _draw(
                figure, panel, _Slot(number, grid.columns[column], domain, n_layers, grid.letters), palette, scale.limit
            )
    figure["layout"]["coloraxis"] = _colours(palette, scale, grid.bar, height)
    figure["layout"]["annotations"].append(_key(lines, palette))
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
    layout["annotations"] += _titles(panel, slot, palette)
    if panel.cells:
        row_marks(marks, panel, n_layers, palette, colour_step, AGAINST)
        handover_marks(marks, panel, n_layers, palette)
        outline_marks(marks, panel, n_layers, palette)
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


def _titles(panel: Panel, slot: _Slot, palette: Palette) -> list[PlotlyObject]:
    common = {"xref": "paper", "yref": "paper", "x": slot.across[0], "y": slot.domain[1], "showarrow": False, "align": "left",
              "xanchor": "left", "yanchor": "bottom"}  # fmt: skip
    says = textwrap.wrap(
        re.sub(r", (?=\d+\])", ",\N{NO-BREAK SPACE}", panel.says), slot.letters, max_lines=2, placeholder=" …"
    ) or [""]
    return [
        {**common, "text": f"<b>{plain(panel.title)}</b>", "font": {"size": 13.5, "color": palette.text}, "yshift": 34},
        {
            **common,
            "text": "<br>".join(map(plain, says)),
            "yanchor": "top",
            "yshift": 34,
            "font": {"size": 12, "color": palette.muted},
        },
    ]


def _key(lines: str, palette: Palette) -> PlotlyObject:
    """What lines and patterns mean, at the foot."""
    text = f"{lines}; {ENDS_KEY}<br>{PATTERNS_KEY}"
    return {"xref": "paper", "yref": "paper", "x": 0.0, "y": 0.0, "xanchor": "left", "yanchor": "bottom", "align": "left", "text": text,
            "showarrow": False, "font": {"size": 11, "color": palette.muted}, "yshift": 4}  # fmt: skip


def _layout(palette: Palette, height: int, n_layers: int) -> PlotlyObject:
    return {
        "height": height, "margin": {"l": 132, "r": 8, "t": 0, "b": 0}, "paper_bgcolor": palette.card, "plot_bgcolor": palette.card,
        "font": {"family": FONT, "size": 12, "color": palette.text}, "showlegend": False, "dragmode": False, "hovermode": "closest",
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "align": "left", "font": {"size": 12, "color": palette.text}},
        "shapes": [], "annotations": [], "meta": {"n_layers": n_layers},
    }  # fmt: skip


def _colours(palette: Palette, scale: Scale, bar: float, height: int) -> PlotlyObject:
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
            "orientation": "h", "thickness": 10, "len": bar, "x": 0.0, "xanchor": "left", "y": (_FOOT - 24) / height, "yanchor": "top",
            "ypad": 0, "xpad": 0, "outlinewidth": 1, "outlinecolor": palette.strong_line, "tickvals": [colour_step(v) for v in values], "ticktext": texts, "tickangle": 0,
            "tickfont": {"size": 11, "color": palette.muted},
            "title": {"text": scale.title, "side": "top",
                      "font": {"size": 12, "color": palette.muted}},
        },
    }  # fmt: skip
