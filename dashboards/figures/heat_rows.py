"""How do rows of numbers over layers become a map? One heatmap, cells without a shown difference dimmed by a second one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strata.dashboards.figures.canvas import Canvas, wrapped
from strata.dashboards.figures.figure_values import Drawn, PlotlyObject, Table, Width
from strata.dashboards.figures.palette import CIVIDIS, PALETTES, Theme, clipped, colour_scale, plain
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.layers import beyond_words, clipped_words
from strata.dashboards.view.schema_parts import Axes, Axis, Number

_MOST_TICKS = 24


@dataclass(frozen=True)
class HeatRow:
    label: str
    group: str
    """A line parts rows of different groups."""
    values: Sequence[Number]
    says: Sequence[str]
    """For the reader who points at a cell."""
    dim: Sequence[int | None] | None = None
    """1: nothing is shown there."""


@dataclass(frozen=True)
class Heat:
    """What is drawn."""

    title: str
    rows: Sequence[HeatRow]
    layers: Sequence[int]
    axis: Axis
    limits: tuple[float, float]
    sequential: bool
    """From low to high; otherwise around 0."""
    note: str
    aria: str
    table: Table
    ends: tuple[str, str] = ("", "")
    """Words at both ends of the colour bar."""
    clipped: int = 0
    """Cells beyond the range."""
    columns: str = ""
    """What stands across where it isn't layers."""
    measure: str = ""
    """What the colours are, where the ends don't say it."""


def heat_rows(heat: Heat, axes: Axes, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """The first row stands on top."""
    palette = PALETTES[theme]
    canvas = Canvas(axes, palette)
    rows, narrow = [*reversed(heat.rows)], width != "wide"
    places = list(range(len(rows)))
    low, high = heat.limits
    common = {"type": "heatmap", "x": list(heat.layers), "y": places, "xgap": 0, "ygap": 2, "hoverongaps": False}
    canvas.data.append(
        {**common, "z": [list(row.values) for row in rows], "text": [list(row.says) for row in rows], "hovertemplate": "%{text}<extra></extra>",
         "colorscale": colour_scale(CIVIDIS if heat.sequential else palette.diverging), "zmin": low, "zmax": low + 1 if high == low else high,
         "colorbar": _bar(heat, palette.muted, narrow)}
    )  # fmt: skip
    if any(row.dim for row in rows):
        dims = [
            [
                1 if dim and value is not None else None
                for dim, value in zip(row.dim or [0] * len(row.values), row.values, strict=True)
            ]
            for row in rows
        ]
        canvas.data.append({**common, "z": dims, "zmin": 0, "zmax": 1, "colorscale": colour_scale((palette.card, palette.card)),
                            "opacity": 0.68, "showscale": False, "hoverinfo": "skip"})  # fmt: skip
    for at in places[1:]:
        if rows[at - 1].group != rows[at].group:
            canvas.shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at - 0.5, "y1": at - 0.5,
                                  "line": {"color": palette.strong_line, "width": 1}})  # fmt: skip
    ends = [heat.layers[0] - 0.5, heat.layers[-1] + 0.5]
    if heat.columns:
        step = -(-len(heat.layers) // _MOST_TICKS)
        canvas.axis("xaxis", heat.columns, showgrid=False, tick0=0, dtick=step, range=ends)
    else:
        canvas.layer_axis("xaxis", heat.axis, *canvas.layer_titles(heat.axis), showgrid=False, nticks=20, range=ends)
    names = [plain(clipped(row.label, 29 if narrow else 52)) for row in rows]
    canvas.axis("yaxis", "", showgrid=False, tickvals=places, ticktext=names, range=[-0.5, len(rows) - 0.5])
    canvas.layout["yaxis"] |= {"tickfont": {"size": 12.5, "color": palette.text}, "automargin": not narrow}
    margin = (
        {"l": 196, "r": 16, "t": 10, "b": 132 if heat.measure else 112}
        if narrow
        else {"l": 250, "r": 128, "t": 10, "b": 52}
    )
    height = max(250 if narrow else 160, 30 + len(rows) * 26 + (130 + 20 * bool(heat.measure) if narrow else 60))
    beyond = f" {beyond_words(heat.clipped)}" if heat.clipped and narrow else ""
    return canvas.drawn(heat.title, heat.aria, heat.note + beyond, heat.table, height=height, margin=margin)


def _bar(heat: Heat, ink: str, narrow: bool) -> PlotlyObject:
    low, high = heat.limits
    beyond = "" if narrow else clipped_words(heat.clipped)
    words = [
        "<br>".join(filter(None, (number(low, 3), heat.ends[0]))),
        *([] if heat.sequential else ["0"]),
        "<br>".join(filter(None, (f"{number(high, 3)}{beyond}", heat.ends[1]))),
    ]
    bar = {"thickness": 12, "len": 1, "outlinewidth": 0, "tickvals": [low, high] if heat.sequential else [low, 0, high], "ticktext": words,
           "tickfont": {"size": 12, "color": ink}}  # fmt: skip
    if heat.measure:
        # The number at the upper end of an upright bar reaches half a line beyond it.
        title = wrapped(heat.measure, 60) if narrow else f"{wrapped(heat.measure, 15)}<br> "
        bar["title"] = {"text": title, "side": "top", "font": {"size": 12, "color": ink}}
    if narrow:
        bar |= {
            "orientation": "h",
            "len": 0.7,
            "y": 0,
            "yanchor": "top",
            "ypad": 52,
            "ticktext": [word.replace("<br>", " ") for word in words],
        }
    return bar
