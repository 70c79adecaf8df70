"""At which stream does a behaviour show? A panel a quantity: its curve with its band, the control dashed in the same panel."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.drawn import Block, Drawn, Figures, PlotlyObject, Table, Width
from strata.dashboards.figures.palette import FONT, PALETTES, Palette, plain
from strata.dashboards.sentences.confidence import panels_aria
from strata.dashboards.sentences.pressure import pressure_aria
from strata.dashboards.text import interval, number
from strata.dashboards.view.behave.schema import BehaveView, BehaviourLine, ConfidenceView, LayerPanel, PressureView
from strata.dashboards.view.schema_parts import Axes

_PANEL, _TOP, _FOOT, _GAP = 260, 34, 90, 70
"""Pixels: height of a panel, above and beneath it, and between two that stand under each other."""
_HEAD = ("quantity", "line", "stream", "depth", "mean", "low", "high", "items", "clusters", "method")


def behave_figures(view: BehaveView) -> Figures:
    """In the light theme. By kind; one without curves has none."""
    return {
        "confidence": {part.kind: confidence_curves(part, view.axes) for part in view.confidence if part.panels},
        "pressure": {part.kind: pressure_curves(part, view.axes) for part in view.pressure if part.panels},
    }


def confidence_curves(part: ConfidenceView, axes: Axes) -> dict[Width, Drawn]:
    """Panels side by side, on a narrow page under each other."""
    return _both(part.panels, axes, f"Confidence by stream: {part.kind}", panels_aria(part.kind, axes.n_layers))


def pressure_curves(part: PressureView, axes: Axes) -> dict[Width, Drawn]:
    """The same of an answer that stands before the question."""
    return _both(part.panels, axes, f"Pressure by stream: {part.kind}", pressure_aria(part.kind, axes.n_layers))


def _both(panels: Sequence[LayerPanel], axes: Axes, title: str, aria: str) -> dict[Width, Drawn]:
    return {
        "wide": _drawn(panels, axes, title, aria, beside=True),
        "narrow": _drawn(panels, axes, title, aria, beside=False),
    }


def _drawn(panels: Sequence[LayerPanel], axes: Axes, title: str, aria: str, *, beside: bool) -> Drawn:
    palette, n = PALETTES["light"], len(panels)
    rows = 1 if beside else n
    inner = rows * _PANEL + (rows - 1) * _GAP
    data: list[PlotlyObject] = []
    layout = _layout(palette, _TOP + inner + _FOOT)
    depth: dict[str, PlotlyObject] = {}
    for place, panel in enumerate(panels):
        suffix = "" if place == 0 else str(place + 1)
        column, row = (place, 0) if beside else (0, place)
        width = (1 - 0.09 * (n - 1)) / n if beside else 1.0
        left = column * (width + 0.09)
        top = 1 - row * (_PANEL + _GAP) / inner
        layout[f"xaxis{suffix}"] = {
            **_axis(palette, axes.stream.label), "anchor": f"y{suffix}", "domain": [left, left + width],
            "range": [-0.6, axes.n_layers + 0.6],
        }  # fmt: skip
        layout[f"yaxis{suffix}"] = {
            **_axis(palette, panel.title),
            "anchor": f"x{suffix}",
            "domain": [top - _PANEL / inner, top],
        }
        every = [value for line in (panel.own, panel.null) if line for value in (*line.mean, *line.low, *line.high)]
        known = [value for value in (*every, panel.guide) if value is not None]
        room = 0.06 * ((max(known) - min(known)) or 0.1)
        layout[f"yaxis{suffix}"]["range"] = [min(known) - room, max(known) + room]
        data += _traces(
            panel,
            axes,
            palette,
            {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"},
            {one["name"] for one in data if "name" in one},
        )
        layout["shapes"].append(
            {"type": "line", "xref": f"x{suffix} domain", "yref": f"y{suffix}", "x0": 0, "x1": 1, "y0": panel.guide, "y1": panel.guide,
             "line": {"color": palette.strong_line, "width": 1, "dash": "dot"}}
        )  # fmt: skip
        layout["annotations"].append(
            {"xref": f"x{suffix} domain", "yref": f"y{suffix}", "x": 0, "y": panel.guide, "xanchor": "left", "yanchor": "bottom",
             "showarrow": False, "text": plain(panel.guide_text), "font": {"size": 11, "color": palette.muted}}
        )  # fmt: skip
        ticks = [0, axes.n_layers // 4, axes.n_layers // 2, 3 * axes.n_layers // 4, axes.n_layers]
        depth[f"xaxis{suffix}"] = {
            "tickvals": ticks, "ticktext": [number(axes.stream.depth[at]) for at in ticks],
            "title": {**layout[f"xaxis{suffix}"]["title"], "text": "depth (0 = embedding)"},
        }  # fmt: skip
    first = panels[0].own
    note = f"Band: {first.method}; n {first.n_items} items, {first.n_clusters} clusters."
    return Drawn(data, layout, title, aria, note, _table(panels, axes), depth)


def _traces(panel: LayerPanel, axes: Axes, palette: Palette, on: PlotlyObject, named: set[str]) -> list[PlotlyObject]:
    """`named`: what the legend has already."""
    streams = list(range(axes.stream.count))
    traces = []
    lows = [
        (at, low, high) for at, low, high in zip(streams, panel.own.low, panel.own.high, strict=True) if low is not None
    ]
    if lows:
        traces.append(
            {"type": "scatter", "mode": "lines", "x": [at for at, _, _ in lows] + [at for at, _, _ in reversed(lows)],
             "y": [high for _, _, high in lows] + [low for _, low, _ in reversed(lows)], "fill": "toself", "fillcolor": palette.accent_shade,
             "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, **on}
        )  # fmt: skip
    if panel.null is not None:
        traces.append(
            _trace(panel.null, streams, panel.null_name, palette.strong_line, "dash", "square-open", on, named)
        )
    return [*traces, _trace(panel.own, streams, panel.own_name, palette.accent, "solid", "circle", on, named)]


def _trace(
    line: BehaviourLine,
    streams: Sequence[int],
    name: str,
    ink: str,
    dash: str,
    symbol: str,
    on: PlotlyObject,
    named: set[str],
) -> PlotlyObject:
    told = [
        f"{number(mean, 3)} {interval(low, high, 3)}".strip()
        for mean, low, high in zip(line.mean, line.low, line.high, strict=True)
    ]
    return {
        "type": "scatter", "mode": "lines+markers", "x": list(streams), "y": list(line.mean), "customdata": told, "name": plain(name),
        "line": {"color": ink, "width": 2.2, "dash": dash}, "marker": {"symbol": symbol, "size": 6.5, "color": ink},
        "hovertemplate": "%{customdata}", "showlegend": plain(name) not in named, **on,
    }  # fmt: skip


def _table(panels: Sequence[LayerPanel], axes: Axes) -> Table:
    blocks = []
    for panel in panels:
        for name, line in ((panel.own_name, panel.own), (panel.null_name, panel.null)):
            if line is not None:
                blocks.append(
                    Block((panel.quantity, name, [str(s) for s in range(axes.stream.count)], list(axes.stream.depth), list(line.mean),
                           list(line.low), list(line.high), str(line.n_items), str(line.n_clusters), line.method))
                )  # fmt: skip
    return Table(_HEAD, tuple(blocks))


def _axis(palette: Palette, title: str) -> PlotlyObject:
    return {
        "title": {"text": title, "font": {"size": 13, "color": palette.muted}, "standoff": 8}, "gridcolor": palette.line,
        "linecolor": palette.strong_line, "tickfont": {"size": 12, "color": palette.muted}, "zeroline": False,
    }  # fmt: skip


def _layout(palette: Palette, height: int) -> PlotlyObject:
    return {
        "height": height, "margin": {"l": 62, "r": 14, "t": _TOP, "b": _FOOT}, "paper_bgcolor": palette.card, "plot_bgcolor": palette.card,
        "font": {"family": FONT, "size": 12, "color": palette.text}, "dragmode": False, "hovermode": "x unified", "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "font": {"size": 12.5, "color": palette.text}, "bgcolor": "rgba(0,0,0,0)"},
        "hoverlabel": {"bgcolor": palette.card, "bordercolor": palette.strong_line, "align": "left", "font": {"size": 12, "color": palette.text}},
        "shapes": [], "annotations": [],
    }  # fmt: skip
