"""Where do the cells and boxes of a figure's maps lie on a small picture? Coloured rectangles in pixels, without a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import pairwise

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.marks import NAME, QUIET_NAME

_BOX_FROM = 2.0
"""Width of a line from which on a rectangle is drawn strong: the places that the sentences name."""
_STRONG, _THIN = 1.6, 0.5
"""Widths of lines on the picture."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, from the upper left corner."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None
    line: str | None = None
    stroke: float = 0.0
    """Width of the line."""
    opacity: float = 1.0


@dataclass(frozen=True)
class BoxName:
    """What stands beside a box that marks a place."""

    text: str
    x: float
    y: float
    """Of its middle line."""
    leftwards: bool
    """Whether it ends at `x`."""
    quiet: bool
    """Of families, not of the kind."""


@dataclass(frozen=True)
class MapArea:
    """A map on the picture: its title as the figure has it, where it lies, and what is drawn there."""

    title: str
    x: float
    y: float
    width: float
    height: float
    boxes: tuple[Box, ...]
    names: tuple[BoxName, ...] = ()


def map_areas(figure: PlotlyObject, width: float, height: float) -> list[MapArea]:
    """Every heat map of a plotly figure, each where its axes put it on `width` by `height` pixels.

    `figure`: `{"data": …, "layout": …}` of plain values, with one colour axis, as `stage_map_json` makes it.
    """
    layout = figure["layout"]
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    if not maps:
        return []
    left, right = _ends([layout[_axis("x", trace)]["domain"] for trace in maps])
    low, high = _ends([layout[_axis("y", trace)]["domain"] for trace in maps])
    areas = []
    for trace in maps:
        x_axis, y_axis = layout[_axis("x", trace)], layout[_axis("y", trace)]
        across = _scale(x_axis["domain"], x_axis["range"], left, right, width)
        down = _scale(y_axis["domain"], y_axis["range"], low, high, height, turned=True)
        boxes = []
        for row, values in enumerate(trace["z"]):
            y0, y1 = sorted((down(trace["y"][row]), down(trace["y"][row + 1])))
            for column, value in enumerate(values):
                if value is not None:
                    x0, x1 = across(trace["x"][column]), across(trace["x"][column + 1])
                    boxes.append(Box(x0, y0, x1 - x0 + 0.3, y1 - y0, colour_of(value, layout["coloraxis"])))
        named = trace.get("xaxis", "x")
        for shape in layout.get("shapes", ()):
            if shape.get("xref") == named and shape["type"] == "rect":
                ends = [across(shape[end]) for end in ("x0", "x1")], [down(shape[end]) for end in ("y0", "y1")]
                boxes.append(_outline(shape, *ends))
        xs = sorted(across(end) for end in x_axis["range"])
        ys = sorted(down(end) for end in y_axis["range"])
        title = str(trace.get("meta", {}).get("panel", ""))
        names = tuple(
            BoxName(
                unescape(re.sub("<[^>]*>", "", note["text"])), across(note["x"]), down(note["y"]), note["xanchor"] == "right",
                note["name"] == QUIET_NAME,
            )
            for note in layout.get("annotations", ())
            if note.get("name") in (NAME, QUIET_NAME) and note["xref"] == named
        )  # fmt: skip
        areas.append(MapArea(title, xs[0], ys[0], xs[1] - xs[0], ys[1] - ys[0], tuple(boxes), names))
    return areas


def _outline(shape: PlotlyObject, xs: Sequence[float], ys: Sequence[float]) -> Box:
    line = shape["line"]
    place = (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
    if "color" not in line:
        return Box(*place, fill=str(shape["fillcolor"]), opacity=float(shape.get("opacity", 1)))
    return Box(*place, fill=None, line=str(line["color"]), stroke=_STRONG if line["width"] >= _BOX_FROM else _THIN)


def _axis(letter: str, trace: PlotlyObject) -> str:
    return f"{letter}axis{str(trace.get(f'{letter}axis', letter))[1:]}"


def _ends(domains: Sequence[Sequence[float]]) -> tuple[float, float]:
    return min(domain[0] for domain in domains), max(domain[1] for domain in domains)


def _scale(
    domain: Sequence[float], values: Sequence[float], low: float, high: float, size: float, turned: bool = False
) -> Callable[[float], float]:
    """From an axis' values to pixels."""
    ends = [(end - low) / (high - low) * size for end in domain]
    first, last = (size - ends[0], size - ends[1]) if turned else (ends[0], ends[1])
    return lambda value: first + (value - values[0]) / (values[1] - values[0]) * (last - first)


def colour_of(value: float, axis: PlotlyObject) -> str:
    """As plotly does it: linear between the two steps of the scale that it lies between."""
    share = min(1.0, max(0.0, (value - axis["cmin"]) / (axis["cmax"] - axis["cmin"])))
    steps = axis["colorscale"]
    for (at, one), (until, other) in pairwise(steps):
        if share <= until:
            part = (share - at) / (until - at)
            pairs = zip(_rgb(one), _rgb(other), strict=True)
            return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in pairs)
    return str(steps[-1][1])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
