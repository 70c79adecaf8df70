"""A figure's maps so small that many stand under each other: its colours and its boxes, without a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from strata.dashboards.figures.drawn import PlotlyObject

WIDTH, HEIGHT = 220, 84
_BOX_FROM = 2.0
"""Width of a line from which on a rectangle is drawn: the places that the sentences name."""


def small_picture(figure: PlotlyObject) -> str:
    """An SVG image of every heat map of a plotly figure, each where its axes put it, with the boxes drawn around places.

    `figure`: `{"data": …, "layout": …}` of plain values, with one colour axis, as `stage_map_json` makes it.
    """
    layout = figure["layout"]
    maps = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    if not maps:
        return _svg([], "#808a96")
    left, right = _ends([layout[_axis("x", trace)]["domain"] for trace in maps])
    low, high = _ends([layout[_axis("y", trace)]["domain"] for trace in maps])
    colours = layout["coloraxis"]
    drawn = []
    for trace in maps:
        x_axis, y_axis = layout[_axis("x", trace)], layout[_axis("y", trace)]
        across = _scale(x_axis["domain"], x_axis["range"], left, right, WIDTH)
        down = _scale(y_axis["domain"], y_axis["range"], low, high, HEIGHT, turned=True)
        for row, values in enumerate(trace["z"]):
            y0, y1 = sorted((down(trace["y"][row]), down(trace["y"][row + 1])))
            for column, value in enumerate(values):
                if value is not None:
                    x0, x1 = across(trace["x"][column]), across(trace["x"][column + 1])
                    colour = _colour(value, colours)
                    drawn.append(
                        f'<rect x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0 + 0.3:.1f}" height="{y1 - y0:.1f}" fill="{colour}"/>'
                    )
        named = trace.get("xaxis", "x")
        for shape in layout.get("shapes", ()):
            if shape.get("xref") == named and shape["type"] == "rect":
                drawn += _box(
                    shape, [across(shape[end]) for end in ("x0", "x1")], [down(shape[end]) for end in ("y0", "y1")]
                )
    return _svg(drawn, str(layout.get("paper_bgcolor", "#ffffff")))


def _box(shape: PlotlyObject, xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    line = shape["line"]
    size = f'x="{min(xs):.1f}" y="{min(ys):.1f}" width="{max(xs) - min(xs):.1f}" height="{max(ys) - min(ys):.1f}"'
    if "color" not in line:
        return [f'<rect {size} fill="{shape["fillcolor"]}" opacity="{shape.get("opacity", 1)}"/>']
    strong = line["width"] >= _BOX_FROM
    width = 1.6 if strong else 0.5
    return [f'<rect {size} fill="none" stroke="{line["color"]}" stroke-width="{width}"/>']


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


def _colour(value: float, axis: PlotlyObject) -> str:
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


def _svg(drawn: Sequence[str], background: str) -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{background}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(drawn)}</svg>'
