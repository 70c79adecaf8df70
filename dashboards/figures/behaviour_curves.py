"""At which stream does a behaviour show? A panel a quantity: its curve with its band, the control dashed in the same panel."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.behaviour_chains import chain_figures
from strata.dashboards.figures.canvas import Canvas, axis_names, layout_name
from strata.dashboards.figures.figure_values import Block, Drawn, Figures, Table, Width
from strata.dashboards.figures.lines import KIND_STYLES, Curve, LineStyle, band_trace, layer_range, line_trace
from strata.dashboards.figures.palette import PALETTES, plain
from strata.dashboards.sentences.chain_confidence import chain_confidence_aria
from strata.dashboards.sentences.confidence import panels_aria
from strata.dashboards.sentences.fast_slow import fast_slow_aria
from strata.dashboards.sentences.figures.behaviour import (
    chain_confidence_title,
    confidence_title,
    fast_slow_title,
    gain_title,
    panels_note,
    pressure_title,
    truth_title,
)
from strata.dashboards.sentences.figures.layers import FROM_EMBEDDING
from strata.dashboards.sentences.information_gain import gain_aria
from strata.dashboards.sentences.knowledge_index import index_aria
from strata.dashboards.sentences.pressure import pressure_aria
from strata.dashboards.view.behave.schema import (
    BehaveView,
    BehaviourLine,
    ConfidenceView,
    LayerPanel,
    MeasureView,
    PressureView,
)
from strata.dashboards.view.schema_parts import Axes

_PANEL, _TOP, _FOOT, _GAP = 260, 34, 90, 70
"""Pixels: height of a panel, above and beneath it, and between two that stand under each other."""
_CONTROL = LineStyle("strong_line", "dash", "square-open")
_FURTHER = (LineStyle("strong_line", "dot", "triangle-up-open"), LineStyle("strong_line", "dashdot", "diamond-open"))
_HEAD = ("quantity", "line", "stream", "depth", "mean", "low", "high", "items", "clusters", "method")


def behave_figures(view: BehaveView) -> Figures:
    """In the light theme. By kind; one without curves has none."""
    return {
        "confidence": {part.kind: confidence_curves(part, view.axes) for part in view.confidence if part.panels},
        "pressure": {part.kind: pressure_curves(part, view.axes) for part in view.pressure if part.panels},
        "chain": chain_figures(view),
        "fast_slow": {part.kind: fast_slow_curves(part, view.axes) for part in view.fast_slow if part.panels},
        "information_gain": {part.kind: gain_curves(part, view.axes) for part in view.information_gain if part.panels},
        "chain_confidence": {
            part.kind: chain_confidence_curves(part, view.axes) for part in view.chain_confidence if part.panels
        },
        "knowledge_index": {part.kind: index_curves(part, view.axes) for part in view.knowledge_index if part.panels},
    }


def confidence_curves(part: ConfidenceView, axes: Axes) -> dict[Width, Drawn]:
    """Panels side by side, on a narrow page under each other."""
    return _both(part.panels, axes, confidence_title(part.kind), panels_aria(part.kind, axes.n_layers))


def pressure_curves(part: PressureView, axes: Axes) -> dict[Width, Drawn]:
    """The same of an answer that stands before the question."""
    return _both(part.panels, axes, pressure_title(part.kind), pressure_aria(part.kind, axes.n_layers))


def fast_slow_curves(part: MeasureView, axes: Axes) -> dict[Width, Drawn]:
    """Where answers settle, fast and slow."""
    return _both(part.panels, axes, fast_slow_title(part.kind), fast_slow_aria(part.kind, axes.n_layers))


def gain_curves(part: MeasureView, axes: Axes) -> dict[Width, Drawn]:
    """What steps tell of the answer."""
    return _both(part.panels, axes, gain_title(part.kind), gain_aria(part.kind, axes.n_layers))


def chain_confidence_curves(part: MeasureView, axes: Axes) -> dict[Width, Drawn]:
    """How often right and how sure, before the steps and behind them."""
    return _both(part.panels, axes, chain_confidence_title(part.kind), chain_confidence_aria(part.kind, axes.n_layers))


def index_curves(part: MeasureView, axes: Axes) -> dict[Width, Drawn]:
    """Where results of true steps are readable."""
    return _both(part.panels, axes, truth_title(part.kind), index_aria(part.kind, axes.n_layers))


def _both(panels: Sequence[LayerPanel], axes: Axes, title: str, aria: str) -> dict[Width, Drawn]:
    return {
        "wide": _drawn(panels, axes, title, aria, beside=True),
        "narrow": _drawn(panels, axes, title, aria, beside=False),
    }


def _drawn(panels: Sequence[LayerPanel], axes: Axes, title: str, aria: str, *, beside: bool) -> Drawn:
    palette, n = PALETTES["light"], len(panels)
    canvas = Canvas(axes, palette)
    rows = 1 if beside else n
    inner = rows * _PANEL + (rows - 1) * _GAP
    told: set[str] = set()
    for place, panel in enumerate(panels):
        on = axis_names(place + 1)
        column, row = (place, 0) if beside else (0, place)
        width = (1 - 0.09 * (n - 1)) / n if beside else 1.0
        left = column * (width + 0.09)
        top = 1 - row * (_PANEL + _GAP) / inner
        canvas.layer_axis(
            layout_name(on[0]), "stream", axes.stream.label, FROM_EMBEDDING, anchor=on[1], domain=[left, left + width],
            range=layer_range(axes.stream.count),
        )  # fmt: skip
        lines = [panel.own, panel.null, *(further.line for further in panel.further)]
        every = [value for line in lines if line for value in (*line.mean, *line.low, *line.high)]
        known = [value for value in (*every, panel.guide) if value is not None]
        room = 0.06 * ((max(known) - min(known)) or 0.1)
        canvas.axis(
            layout_name(on[1]), panel.title, anchor=on[0], domain=[top - _PANEL / inner, top],
            range=[min(known) - room, max(known) + room],
        )  # fmt: skip
        curves = [(panel.own, panel.own_name, KIND_STYLES["knowledge"])]
        if panel.null is not None:
            curves.insert(0, (panel.null, panel.null_name, _CONTROL))
        curves += [(one.line, one.name, style) for one, style in zip(panel.further, _FURTHER, strict=False)]
        canvas.data += band_trace(_curve(panel.own), palette.accent_shade, on)
        for line, name, style in curves:
            canvas.data.append(line_trace(_curve(line), name, style, on, palette, showlegend=name not in told))
            told.add(name)
        canvas.rule(on, panel.guide, palette.strong_line, width=1)
        canvas.note(
            plain(panel.guide_text), 11, palette.muted, xref=f"{on[0]} domain", yref=on[1], x=0, y=panel.guide, xanchor="left", yanchor="bottom"
        )  # fmt: skip
    first = panels[0].own
    note = panels_note(first.method, first.n_items, first.n_clusters)
    legend = {**canvas.legend(1), "yanchor": "bottom"}
    return canvas.drawn(
        title, aria, note, _table(panels, axes), height=_TOP + inner + _FOOT, margin={"l": 62, "r": 14, "t": _TOP, "b": _FOOT},
        hovermode="x unified", showlegend=True, legend=legend,
    )  # fmt: skip


def _curve(line: BehaviourLine) -> Curve:
    streams = range(len(line.mean))
    return Curve(
        "stream", streams, line.mean, line.low, line.high, line.n_items or 0, line.n_clusters or 0, line.method or ""
    )


def _table(panels: Sequence[LayerPanel], axes: Axes) -> Table:
    blocks = []
    for panel in panels:
        further = ((one.name, one.line) for one in panel.further)
        for name, line in ((panel.own_name, panel.own), (panel.null_name, panel.null), *further):
            if line is not None:
                blocks.append(
                    Block((panel.quantity, name, [str(s) for s in range(axes.stream.count)], list(axes.stream.depth), list(line.mean),
                           list(line.low), list(line.high), str(line.n_items), str(line.n_clusters), line.method))
                )  # fmt: skip
    return Table(_HEAD, tuple(blocks))
