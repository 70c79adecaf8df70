"""Which families show something at which layer? One row a family, dimmed where the interval covers the baseline."""

from __future__ import annotations

from dataclasses import replace

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.figure_values import Block, Drawn, PlotlyObject, Table, Width
from strata.dashboards.figures.palette import PALETTES, Theme, clipped, colour_scale, plain
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.family_maps import (
    COVERS_BASELINE,
    HINT,
    NO_VALUES,
    covers,
    head,
    measure_words,
)
from strata.dashboards.sentences.figures.layers import at_layer, beyond_words, clipped_words, with_n
from strata.dashboards.view.schema_parts import Axes
from strata.dashboards.view.schema_readings import FamilyMap, MapRow
from strata.dashboards.visible_text import visible

_NOTE_LETTERS = 52
"""Of what stands in place of a row's values, on a narrow page."""


def family_map(shown: FamilyMap, axes: Axes, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """Layers across, families down, grouped by kind; colour: how far the measure lies above its baseline, in one symmetric range.

    Dimmed: the 95 % interval covers the baseline. ✕: shown and not counted.
    """
    palette = PALETTES[theme]
    canvas = Canvas(axes, palette)
    rows = [*reversed(shown.rows)]  # the first family stands on top
    places = list(range(len(rows)))
    narrow = width != "wide"
    left, letters = (244, 18) if narrow else (276, 22)
    common = {"type": "heatmap", "x": list(shown.layers), "y": places, "xgap": 0, "ygap": 2, "hoverongaps": False}
    limit = shown.limits[1]
    canvas.data += [
        {**common, "z": [list(row.value) for row in rows], "text": [_hover(shown, row, axes) for row in rows], "hovertemplate": "%{text}<extra></extra>",
         "colorscale": colour_scale(palette.diverging), "zmin": -limit, "zmax": limit, "colorbar": _bar(shown, palette.muted, narrow),
         "customdata": [[row.family] * len(shown.layers) for row in rows]},
        {**common, "z": [[1 if dim and value is not None else None for dim, value in zip(row.dim, row.value, strict=True)] for row in rows],
         "zmin": 0, "zmax": 1, "colorscale": colour_scale((palette.card, palette.card)), "opacity": 0.68, "showscale": False, "hoverinfo": "skip"},
    ]  # fmt: skip
    apart = [
        (layer, at) for layer in shown.apart for at in places if rows[at].value[shown.layers.index(layer)] is not None
    ]
    if apart:
        canvas.data.append(
            {"type": "scatter", "mode": "markers", "x": [layer for layer, _ in apart], "y": [at for _, at in apart], "hoverinfo": "skip",
             "marker": {"symbol": "x", "size": 8, "color": palette.text, "line": {"width": 1, "color": palette.card}}, "showlegend": False}
        )  # fmt: skip
    for at, row in enumerate(rows):
        if row.note or all(value is None for value in row.value):
            canvas.note(
                plain(clipped(row.note or NO_VALUES, _NOTE_LETTERS) if narrow else row.note or NO_VALUES),
                x=1,
                xref="paper",
                y=at,
                xanchor="right",
                xshift=-8,
                bgcolor=palette.card,
                borderpad=2,
            )
        if at and rows[at - 1].kind != row.kind:
            canvas.shapes.append({"type": "line", "xref": "paper", "x0": -0.48, "x1": 1, "y0": at - 0.5, "y1": at - 0.5,
                                  "line": {"color": palette.strong_line, "width": 1}})  # fmt: skip
        if at == len(rows) - 1 or rows[at + 1].kind != row.kind:
            canvas.note(
                f"<b>{plain(row.kind)}</b>",
                12,
                palette.muted,
                x=0,
                xref="paper",
                y=at + 0.5,
                yanchor="top",
                xanchor="left",
                xshift=-(left - 8),
            )
    layer_title, depth_title = canvas.layer_titles(shown.axis)
    ends = [shown.layers[0] - 0.5, shown.layers[-1] + 0.5]
    canvas.layer_axis("xaxis", shown.axis, layer_title, depth_title, showgrid=False, nticks=20, range=ends)
    names = [with_n(plain(clipped(visible(row.name or row.family), letters)), row.n) for row in rows]
    canvas.axis("yaxis", "", showgrid=False, tickvals=places, ticktext=names, range=[-0.5, len(rows) - 0.5])
    canvas.layout["yaxis"]["tickfont"] = {"size": 12.5, "color": palette.text}
    height = max(190, 34 + len(rows) * (20 if len(rows) > 24 else 26) + (122 if narrow else 62))
    margin = {"l": left, "r": 16, "t": 10, "b": 112} if narrow else {"l": left, "r": 128, "t": 10, "b": 52}
    drawn = canvas.drawn(
        shown.title, shown.aria, beyond_words(shown.clipped), _table(shown, axes), height=height, margin=margin
    )
    return replace(drawn, hint=HINT)


def _hover(shown: FamilyMap, row: MapRow, axes: Axes) -> list[str]:
    row_head = with_n(f"<b>{plain(row.name or row.family)}</b> ({row.kind})", row.n)
    said = []
    for i, (layer, value) in enumerate(zip(shown.layers, row.value, strict=True)):
        lines = [
            row_head,
            at_layer(shown.axis, layer, axes.of(shown.axis).depth[layer]),
            f"{number(value, 3)} {plain(shown.unit)}",
            measure_words(row.low[i], row.high[i], row.base[i]),
            *([COVERS_BASELINE] if row.dim[i] else []),
        ]
        said.append("" if value is None else "<br>".join(lines))
    return said


def _bar(shown: FamilyMap, ink: str, narrow: bool) -> PlotlyObject:
    limit = shown.limits[1]
    texts = [
        f"{number(-limit)}<br>{shown.ends[0]}",
        "0",
        f"{number(limit)}{'' if narrow else clipped_words(shown.clipped)}<br>{shown.ends[1]}",
    ]
    bar = {
        "thickness": 12,
        "len": 1,
        "outlinewidth": 0,
        "tickvals": [-limit, 0, limit],
        "ticktext": texts,
        "tickfont": {"size": 12, "color": ink},
    }
    if narrow:
        bar |= {
            "orientation": "h",
            "len": 0.72,  # beyond its end the words of the upper end have room
            "x": 0,
            "xanchor": "left",
            "y": 0,
            "yanchor": "top",
            "ypad": 52,
            "ticktext": [text.replace("<br>", " ") for text in texts],
        }
    return bar


def _table(shown: FamilyMap, axes: Axes) -> Table:
    depths = [axes.of(shown.axis).depth[layer] for layer in shown.layers]
    blocks = [
        Block((row.name or row.family, row.kind, str(row.n), [str(layer) for layer in shown.layers], depths, row.value, row.low, row.high, row.base,
               ["" if value is None else covers(dim) for dim, value in zip(row.dim, row.value, strict=True)], row.note))
        for row in shown.rows
    ]  # fmt: skip
    return Table(head(shown.axis), tuple(blocks))
