"""A figure's maps so small that many stand under each other: its colours and its boxes, and words only where there is no map."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.map_boxes import Box, map_areas
from strata.dashboards.sentences.figures.stages import NO_MAP

FONT_OF_SVG = "system-ui,sans-serif"
WIDTH, HEIGHT = 220, 84


def small_picture(figure: PlotlyObject) -> str:
    """An SVG image of every heat map of a plotly figure, each where its axes put it, with the boxes drawn around places.

    Without any it says so. `figure`: `{"data": …, "layout": …}` of plain values, with one colour axis, as `stage_map_json` makes it.
    """
    areas = map_areas(figure, WIDTH, HEIGHT)
    layout = figure["layout"]
    drawn = [_drawn(box) for area in areas for box in area.boxes] or _nothing(layout["font"]["color"])
    return _svg(drawn, layout["paper_bgcolor"])


def _nothing(ink: str) -> list[str]:
    """Nobody takes a plain ground for a map that is still to come."""
    said = f'<text x="{WIDTH / 2:g}" y="{HEIGHT / 2 + 5:g}" text-anchor="middle" font-family="{FONT_OF_SVG}" font-size="13" fill="{ink}">{NO_MAP}</text>'
    frame = f'<rect x="4" y="4" width="{WIDTH - 8}" height="{HEIGHT - 8}" rx="4" fill="none" stroke="{ink}" stroke-dasharray="4 4" opacity="0.6"/>'
    return [frame, said]


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
