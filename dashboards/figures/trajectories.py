"""What changes along the axis of a sweep? One panel a kind or family: lines with marks, each point with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.figure_values import Block, Drawn, Figures, PlotlyObject, Table, Width
from strata.dashboards.figures.palette import PALETTES, Ink, Palette, clipped, plain
from strata.dashboards.figures.run_colours import DASHES, MARKERS
from strata.dashboards.sentences.figures.layers import estimate_words
from strata.dashboards.sentences.sweep import point_words, trajectory_aria, trajectory_note
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.sweep.schema import AxisView, SweepView, TrajectoryLine, TrajectoryPanel

_INKS: tuple[Ink, ...] = ("accent", "trained", "control", "text", "bad", "muted")
_HEIGHT, _LEGEND_ROW, _NAMES = 380, 22, 70
"""Pixels: of the panel with its axis, of a row of the legend, of slanted names beneath it."""
_LEGEND_COLUMNS: dict[Width, int] = {"wide": 4, "narrow": 2, "phone": 1}
_HEAD = ("line", "checkpoint", "at", "value", "low", "high", "items", "clusters", "method")
_STEP = 0.006
"""Share of the axis between the points of two lines at one checkpoint."""
_NAME, _LINE = 26, 40
"""Letters of a checkpoint beneath the axis, and of a line in the legend."""


def sweep_figures(view: SweepView) -> Figures:
    """In the light theme. By kind or family."""
    figures: dict[str, dict[str, dict[Width, Drawn]]] = {}
    for panel in view.panels:
        figures.setdefault(panel.view, {})[panel.subject] = {
            width: trajectories(panel, view.axis, columns) for width, columns in _LEGEND_COLUMNS.items()
        }
    return figures


def trajectories(panel: TrajectoryPanel, axis: AxisView, legend_columns: int = 4) -> Drawn:
    """`legend_columns`: entries of the legend that fit beside each other."""
    palette = PALETTES["light"]
    canvas = Canvas(axes_of(1), palette)  # nothing here is counted in layers
    names = {"tickvals": [at for at, _ in axis.ticks], "ticktext": [plain(clipped(name, _NAME)) for _, name in axis.ticks],
             "tickangle": -35} if axis.ticks else {}  # fmt: skip
    canvas.axis("xaxis", plain(axis.label), type="log" if axis.logarithmic else "linear", **names)
    canvas.axis("yaxis", panel.y, rangemode="tozero", **({"range": [-0.03, 1.03]} if panel.shares else {}))
    if not panel.shares:
        canvas.rule(("x", "y"), 0.0, palette.strong_line, width=1)
    steps = _beside(panel.lines, axis)
    for place, line in enumerate(panel.lines):
        canvas.data.append(_trace(line, place, palette, steps[place]))
    rows = -(-len(panel.lines) // legend_columns)
    foot = 58 + (_NAMES if axis.ticks else 0)
    legend = {**canvas.legend(-(foot - 8) / (_HEIGHT - 40)), "yanchor": "top"}
    note = trajectory_note(line.method for line in panel.lines)
    return canvas.drawn(
        panel.label, trajectory_aria(panel.label, axis.name, [line.name for line in panel.lines]), note, _table(panel),
        height=_HEIGHT + foot + rows * _LEGEND_ROW, margin={"l": 62, "r": 14, "t": 20, "b": foot + rows * _LEGEND_ROW},
        hovermode="closest", showlegend=True, legend=legend,
    )  # fmt: skip


def _beside(lines: Sequence[TrajectoryLine], axis: AxisView) -> list[float]:
    """How far the points of each line are moved along the axis, so that no interval hides another one."""
    at = [value for line in lines for value in line.at]
    width = 0.0 if axis.logarithmic or not at else (max(at) - min(at)) * _STEP
    return [(place - (len(lines) - 1) / 2) * width for place in range(len(lines))]


def _trace(line: TrajectoryLine, place: int, palette: Palette, moved: float) -> PlotlyObject:
    ink = palette.ink(_INKS[place % len(_INKS)])
    ends = [_reach(*point) for point in zip(line.mean, line.low, line.high, strict=True)]
    bars = {
        "type": "data", "symmetric": False, "array": [up for up, _ in ends], "arrayminus": [down for _, down in ends],
        "thickness": 1.4, "width": 5, "color": ink, "visible": any(up is not None for up, _ in ends),
    }  # fmt: skip
    return {
        "type": "scatter", "mode": "lines+markers", "name": plain(clipped(line.name, _LINE)), "x": [at + moved for at in line.at], "y": list(line.mean), "error_y": bars,
        "connectgaps": False, "line": {"color": ink, "width": 2.2, "dash": DASHES[place % len(DASHES)]},
        "marker": {"symbol": MARKERS[place % len(MARKERS)], "size": 8, "color": ink, "line": {"width": 1, "color": palette.card}},
        "customdata": [_told(line, at) for at in range(len(line.at))], "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip


def _reach(mean: float | None, low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """How far an interval goes up and down from its value."""
    if mean is None or low is None or high is None:
        return None, None
    return high - mean, mean - low


def _told(line: TrajectoryLine, at: int) -> str:
    value = estimate_words(line.mean[at], line.low[at], line.high[at])
    words = point_words(line.name, line.checkpoints[at], line.at[at], value, line.says[at] if line.says else "")
    name, *others = map(plain, words)
    return "<br>".join([f"<b>{name}</b>", *others])


def _table(panel: TrajectoryPanel) -> Table:
    blocks = [
        Block((
            line.name, list(line.checkpoints), list(line.at), list(line.mean), list(line.low), list(line.high),
            [_whole(n) for n in line.items], [_whole(n) for n in line.clusters], line.method,
        ))
        for line in panel.lines
    ]  # fmt: skip
    return Table(_HEAD, tuple(blocks))


def _whole(n: int | None) -> str | None:
    return None if n is None else str(n)
