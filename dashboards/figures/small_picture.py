"""A figure's maps so small that many stand under each other: its colours and its boxes, without a word."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.map_boxes import Box, map_areas

WIDTH, HEIGHT = 220, 84
_NOTHING = "#808a96"
"""Ground where there is no map."""


def small_picture(figure: PlotlyObject) -> str:
    """An SVG image of every heat map of a plotly figure, each where its axes put it, with the boxes drawn around places.

    `figure`: `{"data": …, "layout": …}` of plain values, with one colour axis, as `stage_map_json` makes it.
    """
    areas = map_areas(figure, WIDTH, HEIGHT)
    ground = str(figure["layout"].get("paper_bgcolor", "#ffffff")) if areas else _NOTHING
    return _svg([_drawn(box) for area in areas for box in area.boxes], ground)


def _drawn(box: Box) -> str:
    size = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    if box.line is not None:
        return f'<rect {size} fill="none" stroke="{box.line}" stroke-width="{box.stroke}"/>'
    opacity = f' opacity="{box.opacity}"' if box.opacity != 1 else ""
    return f'<rect {size} fill="{box.fill}"{opacity}/>'


def _svg(drawn: Sequence[str], background: str) -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{background}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(drawn)}</svg>'
