"""What would each stream say after each token? The map of one prompt, tokens across, streams upwards.

The page keeps lens maps as packed bytes, a megabyte of JSON otherwise, and a reader moves through them cell by cell. So it gets
the frames below, with axes, scales and styles, and `lensmap.js` and `lenslines.js` put numbers and tokens into them; `lens_map`
does the same in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.figure_values import WIDTHS, Block, Drawn, Figures, PlotlyObject, Table
from strata.dashboards.figures.palette import CIVIDIS, PALETTES, Theme, clipped, colour_scale, plain
from strata.dashboards.sentences.figures.layers import DEPTH, STREAM
from strata.dashboards.sentences.figures.read_outs import (
    LENS_NOTE,
    LINES_TITLE,
    METRICS,
    PROBABILITY,
    TOKEN_POSITION,
    lens_map_aria,
    lens_map_title,
)
from strata.dashboards.view.lens import LensMap
from strata.dashboards.view.schema_parts import Axes
from strata.dashboards.visible_text import visible

MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Consolas, monospace'
_LEFT, _RIGHT, _TOP = 74, 96, 34
_LINES = (
    ("dash", "square"),
    ("dot", "diamond"),
    ("dashdot", "triangle-up"),
    ("longdash", "cross"),
    ("longdashdot", "x"),
    ("dash", "star"),
    ("dot", "hexagon"),
)
"""Dash and mark of every token but the answer."""
_LONGEST = 64
"""Tokens that a figure of Python shows: the last ones, behind which the answer stands."""


def lens_frame(metric: str, axes: Axes, theme: Theme = "light") -> Drawn:
    """A map without numbers: a heatmap, and a second one without colours whose text stands on the dark half of the scale."""
    palette, of = PALETTES[theme], METRICS[metric]
    canvas = Canvas(axes, palette)
    bar = {"thickness": 12, "outlinewidth": 0, "len": 1, "tickfont": {"size": 12, "color": palette.muted},
           "title": {"text": of.unit, "side": "right", "font": {"size": 12, "color": palette.muted}}}  # fmt: skip
    text: PlotlyObject = {"texttemplate": "%{text}"}
    # Black on the bright half, white on the dark half: plotly's own choice falls under a contrast of 4.5.
    canvas.data += [
        {"type": "heatmap", "zmin": 0, "zmax": 1, "colorscale": colour_scale(CIVIDIS), "reversescale": of.kind != "p", "colorbar": bar,
         "hoverinfo": "none", **text, "textfont": {"size": 12, "family": MONO, "color": "#000000"}},
        {"type": "heatmap", "colorscale": [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]], "showscale": False, "hoverinfo": "skip", **text,
         "textfont": {"size": 12, "family": MONO, "color": "#ffffff"}},
    ]  # fmt: skip
    canvas.axis("xaxis", TOKEN_POSITION, showgrid=False, fixedrange=True, ticklen=3, tickcolor=palette.line)
    canvas.layout["xaxis"]["tickfont"] = {"size": 12, "family": MONO, "color": palette.text}
    canvas.layer_axis(
        "yaxis", "stream", STREAM, DEPTH, showgrid=False, fixedrange=True, range=[-0.5, axes.stream.count - 0.5]
    )
    # The style of a named position's mark, which the map copies for each.
    canvas.note("", 12, palette.accent, yref="paper", y=1, yanchor="bottom")
    return canvas.drawn(
        of.label,
        "",
        LENS_NOTE,
        Table((), ()),
        height=400,
        margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": 56},
        hovermode="closest",
    )


def lines_frame(axes: Axes, theme: Theme = "light") -> Drawn:
    """Probabilities of single tokens stream by stream, without numbers: the answer first, then the styles of seven others."""
    palette = PALETTES[theme]
    canvas = Canvas(axes, palette)
    for at, (dash, symbol) in enumerate((("solid", "circle"), *_LINES)):
        ink = palette.muted if at else palette.accent
        canvas.data.append(
            {"type": "scatter", "mode": "lines+markers", "connectgaps": False, "hovertemplate": "%{y:.3f}", "line": {"color": ink, "width": 1.4 if at else 2.6, "dash": dash},
             "marker": {"symbol": symbol, "size": 6 if at else 7, "color": ink}}
        )  # fmt: skip
    canvas.rule(("x", "y"), 0, palette.strong_line, along="y", width=1)
    canvas.layer_axis("xaxis", "stream", STREAM, DEPTH, nticks=20)
    canvas.axis("yaxis", PROBABILITY, range=[-0.03, 1.03])
    legend = {**canvas.legend(-0.26), "font": {"size": 12.5, "family": MONO, "color": palette.text}}
    return canvas.drawn(
        LINES_TITLE,
        "",
        "",
        Table((), ()),
        height=300,
        margin={"l": 74, "r": 24, "t": 12, "b": 92},
        hovermode="x unified",
        showlegend=True,
        legend=legend,
    )


def lens_map(shown: LensMap, axes: Axes, metric: str = "top1", theme: Theme = "light") -> Drawn:
    """The map of a prompt, or of the last 64 tokens of a longer one, with the most probable token in every cell that has room.

    Raises KeyError for a metric that the map doesn't hold.
    """
    frame = lens_frame(metric, axes, theme)
    of = METRICS[metric]
    first = max(0, len(shown.tokens) - _LONGEST)
    places = list(range(first, len(shown.tokens)))
    values = _values(shown, metric)[:, first:]
    heat, over = (dict(trace) for trace in frame.data)
    if of.kind == "rank":
        values = np.log10(values + 1)
    most = max(1.0, float(values.max()))
    # No rank is named that the vocabulary hasn't got.
    high = 1.0 if of.kind == "p" else most if of.kind == "rank" else float(np.ceil(most))
    streams = list(range(values.shape[0]))
    heat |= {"x": places, "y": streams, "z": values.tolist(), "zmax": high}
    if of.kind == "rank":
        steps = list(range(int(high) + 1))
        heat["colorbar"] = {**heat["colorbar"], "tickvals": steps, "ticktext": [str(10**step - 1) for step in steps]}
    cell = (WIDTHS["wide"] - _LEFT - _RIGHT) / len(places)
    traces = [heat]
    if cell >= 34:
        letters = max(2, int((cell - 6) / 7.4))
        tops = [
            [
                plain(clipped(visible(shown.vocabulary.get(int(token), f"#{token}")), letters))
                for token in row[first:, 0]
            ]
            for row in shown.top_ids
        ]
        bright = ((high - values if heat["reversescale"] else values) / high) > 0.5
        heat["text"], over["text"] = ([[text if lit == wanted else "" for text, lit in zip(row, lits, strict=True)] for row, lits in zip(tops, bright, strict=True)] for wanted in (True, False))  # fmt: skip
        traces.append({**over, "x": places, "y": streams, "z": heat["z"]})
    layout = {**frame.layout, "height": _TOP + len(streams) * 18 + 110, "margin": {**frame.layout["margin"], "b": 110}}
    labels = [plain(clipped(visible(shown.tokens[at]), 14)) for at in places]
    layout["xaxis"] = {
        **layout["xaxis"],
        "tickvals": places,
        "ticktext": labels,
        "tickangle": 0 if cell >= 56 else -60,
        "range": [first - 0.5, places[-1] + 0.5],
    }
    style = layout["annotations"][0]
    layout["annotations"] = [
        {**style, "x": at, "text": f"{plain(name)} ▾"} for name, at in shown.positions.items() if at >= first
    ]
    return Drawn(
        traces,
        layout,
        lens_map_title(shown.item, of),
        _aria(shown),
        frame.note,
        _table(shown, values, places),
        frame.depth,
    )


def _values(shown: LensMap, metric: str) -> npt.NDArray[np.float64]:
    """`stream × token`."""
    planes: dict[str, Any] = {
        "top1": np.exp(shown.top_logprobs[..., 0]),
        "answer": None if shown.answer_logprob is None else np.exp(shown.answer_logprob),
        "rank": shown.answer_rank,
        "entropy": shown.entropy,
        "kl": shown.kl_to_final,
    }
    if planes[metric] is None:
        raise KeyError(metric)
    return np.asarray(planes[metric], dtype=np.float64)


def _aria(shown: LensMap) -> str:
    likeliest = shown.vocabulary.get(int(shown.top_ids[-1, -1, 0]), "?")
    return lens_map_aria(shown.item, len(shown.tokens), likeliest, float(np.exp(shown.top_logprobs[-1, -1, 0])))


def _table(shown: LensMap, values: npt.NDArray[np.float64], places: Sequence[int]) -> Table:
    blocks = [
        Block(
            (
                str(at if shown.at is None else shown.at[at]),
                visible(shown.tokens[at]),
                [str(s) for s in range(values.shape[0])],
                values[:, column].tolist(),
            )
        )
        for column, at in enumerate(places)
    ]
    return Table(("position", "token", "stream", "value"), tuple(blocks))


def lens_frames(axes: Axes) -> Figures:
    """What the page fills: `lens` by metric, and `lenslines`."""
    return {
        "lens": {metric: {"wide": lens_frame(metric, axes)} for metric in METRICS},
        "lenslines": {"tokens": {"wide": lines_frame(axes)}},
    }
