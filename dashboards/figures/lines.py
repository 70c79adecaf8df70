"""How is a curve over layers drawn? A line with marks, a band where there is an interval; baselines thin and grey.

Never by colour alone: kinds and models have dashes and marks of their own, so that a print in grey can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from strata.dashboards.figures.figure_values import PlotlyObject
from strata.dashboards.figures.palette import Ink, Palette, Shade, plain
from strata.dashboards.sentences.figures.layers import NO_INTERVALS, bands_words, estimate_words
from strata.dashboards.view.schema_parts import Axis, Numbers

Panel = tuple[str, str]
"""Names of an x and a y axis."""


@dataclass(frozen=True)
class Curve:
    """Values over layers, with their interval where there is one."""

    axis: Axis
    layer: Sequence[int]
    mean: Numbers
    low: Numbers
    high: Numbers
    n_items: int
    n_clusters: int
    method: str = ""
    """Of the interval."""
    aria: str = ""

    @property
    def banded(self) -> bool:
        return any(value is not None for value in self.low)


@dataclass(frozen=True)
class LineStyle:
    ink: Ink
    dash: str
    symbol: str
    shade: Shade | None = None


KIND_STYLES: dict[str, LineStyle] = {
    "knowledge": LineStyle("accent", "solid", "circle", "accent"),
    "reasoning": LineStyle("text", "dash", "square", "beyond"),
    "composite": LineStyle("muted", "dot", "triangle-up", "random"),
    "control": LineStyle("muted", "dashdot", "diamond-open", "random"),
}
"""Of one model: the first kind in its colour, the others in inks, never in another model's colour."""


def as_it_is(value: float) -> float:
    return value


def on_panel(panel: Panel) -> PlotlyObject:
    """Where a trace is drawn."""
    return {"xaxis": panel[0], "yaxis": panel[1]}


def line_trace(
    curve: Curve,
    name: str,
    style: LineStyle,
    panel: Panel,
    palette: Palette,
    *,
    says: Sequence[str] = (),
    y: Callable[[float], float] = as_it_is,
    **more: Any,
) -> PlotlyObject:
    """`says`: what stands at each point besides its value and interval; `y`: where a value is drawn."""
    ink = palette.ink(style.ink)
    told = [estimate_words(mean, low, high) for mean, low, high in zip(curve.mean, curve.low, curve.high, strict=True)]
    if says:
        told = [f"{one} · {two}" for one, two in zip(told, says, strict=True)]
    return {
        "type": "scatter", "x": list(curve.layer), "y": [None if v is None else y(v) for v in curve.mean], "customdata": told, "name": plain(name),
        "mode": "lines+markers", "line": {"color": ink, "width": 2.4, "dash": style.dash},
        "marker": {"symbol": style.symbol, "size": 7.5, "color": ink, "line": {"width": 1, "color": palette.card}},
        "hovertemplate": "%{customdata}", "legendrank": 1000, **on_panel(panel), **more,
    }  # fmt: skip


def baseline_trace(
    curve: Curve,
    name: str,
    style: LineStyle,
    panel: Panel,
    palette: Palette,
    *,
    y: Callable[[float], float] = as_it_is,
    **more: Any,
) -> PlotlyObject:
    """Thin, with few marks; beneath the curves in the legend."""
    trace = line_trace(curve, name, style, panel, palette, y=y)
    trace["line"]["width"] = 1.3
    trace["marker"] |= {"size": 4, "maxdisplayed": 5}
    return {**trace, "legendrank": 2000, **more}


def band_trace(curve: Curve, colour: str, panel: Panel, y: Callable[[float], float] = as_it_is) -> list[PlotlyObject]:
    """The interval as an area; nothing where there is none."""
    known = [
        (at, low, high)
        for at, low, high in zip(curve.layer, curve.low, curve.high, strict=True)
        if low is not None and high is not None
    ]
    if not known:
        return []
    return [
        {"type": "scatter", "x": [at for at, _, _ in known] + [at for at, _, _ in reversed(known)],
         "y": [y(high) for _, _, high in known] + [y(low) for _, low, _ in reversed(known)],
         "fill": "toself", "fillcolor": colour, "line": {"width": 0}, "mode": "lines", "hoverinfo": "skip", "showlegend": False, **on_panel(panel)}
    ]  # fmt: skip


def band_note(curves: Iterable[Curve]) -> str:
    """How the bands were made, or that there are none."""
    banded = next((curve for curve in curves if curve.banded), None)
    return NO_INTERVALS if banded is None else bands_words([banded.method.rstrip(".")])


def layer_range(n: int) -> list[float]:
    """The whole axis of n layers, so that panels with few points stand beside full ones."""
    return [-0.6, n - 0.4]
