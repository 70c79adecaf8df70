"""Which figures does a run of `strata probe` have? Accuracy by stream with its controls, and confusion at each stream."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.confusion import confusion
from strata.dashboards.figures.figure_values import Block, Drawn, Figures, Table, Width
from strata.dashboards.figures.lines import Curve, LineStyle, band_trace, line_trace
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.sentences.figures.layers import NO_INTERVAL, band_words, counted
from strata.dashboards.sentences.figures.read_outs import (
    BY_CHANCE,
    PROBE_CONTROLS,
    PROBE_LINES,
    SHUFFLED_NOTE,
    ProbeLine,
    best_mark,
    probe_aria,
    probe_title,
    rise_mark,
)
from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.schema_probe import ProbedPosition, ProbeView, StreamLine

PANEL = ("x", "y")


_DASHES: Mapping[str, str] = {
    "majority": "dot",
    "shuffled": "dash",
    "embedding": "longdash",
    "random_init": "dashdot",
    "control_accuracy": "dashdot",
}
"""Of controls."""


def accuracy(view: ProbeView, position: ProbedPosition, measure: str, theme: Theme = "light") -> Drawn:
    """A measure of `PROBE_LINES` by stream with its 95 % band; thin lines are controls. Marked: the best stream, and the first above its controls."""
    shown, palette = PROBE_LINES[measure], PALETTES[theme]
    canvas, main = Canvas(view.axes, palette), position.lines[shown.line]
    band = band_trace(_curve(main), palette.accent_shade, PANEL)
    canvas.data += band
    used = [(shown.line, main)]
    for name in shown.controls:
        line = position.lines.get(name)
        if line is None:
            continue
        used.append((name, line))
        if name == "shuffled":
            canvas.data += band_trace(_curve(line), palette.well, PANEL)
        trace = line_trace(
            _curve(line), PROBE_CONTROLS[name], LineStyle("strong_line", _DASHES[name], "circle"), PANEL, palette
        )
        trace["line"]["width"] = 1.4
        canvas.data.append({**trace, "mode": "lines", "legendrank": 2000})
    name = counted(shown.name, main.n_items, main.n_clusters)
    canvas.data.append(line_trace(_curve(main), name, LineStyle("accent", "solid", "circle"), PANEL, palette))
    if measure == "accuracy":
        _mark(canvas, position.best, best_mark(position.best), 0)
        if position.rises is not None:
            _mark(canvas, position.rises, rise_mark(position.rises), 15)
    if measure == "null" and position.chance is not None:
        canvas.rule(PANEL, position.chance, palette.bad)
        canvas.note(BY_CHANCE, 12, palette.bad, xref="paper", x=1, y=position.chance, xanchor="right", yanchor="bottom")
    canvas.layer_axis("xaxis", "stream", *canvas.layer_titles("stream"), nticks=20)
    canvas.axis("yaxis", shown.unit, **({"range": [-0.02, 1.03]} if shown.share else {"rangemode": "tozero"}))
    note = band_words(main.method) if band else NO_INTERVAL
    if measure == "null":
        note = SHUFFLED_NOTE
    return canvas.drawn(
        probe_title(shown), _aria(position, shown, main), note, _table(view, position, used), height=430, margin={"l": 68, "r": 20, "t": 44, "b": 100},
        hovermode="x unified", showlegend=True, legend=canvas.legend(-0.17),
    )  # fmt: skip


def _curve(line: StreamLine) -> Curve:
    return Curve(
        "stream", line.layer, line.mean, line.low, line.high, line.n_items or 0, line.n_clusters or 0, line.method or ""
    )


def _mark(canvas: Canvas, stream: int, text: str, above: float) -> None:
    canvas.rule(PANEL, stream, canvas.palette.accent, along="y", dash="dash", width=1.1)
    side = "right" if stream > canvas.axes.n_layers / 2 else "left"
    canvas.note(
        text, 12, canvas.palette.accent, x=stream, yref="paper", y=1, yanchor="bottom", yshift=above, xanchor=side
    )


def _aria(position: ProbedPosition, shown: ProbeLine, main: StreamLine) -> str:
    told = [
        (layer, mean)
        for layer, mean in zip(main.layer, main.mean, strict=True)
        if layer % 5 == 0 or layer == position.best
    ]
    return probe_aria(shown, position.name, told)


def _table(view: ProbeView, position: ProbedPosition, used: list[tuple[str, StreamLine]]) -> Table:
    head = ("position", "measure", "stream", "depth", "mean", "low", "high", "items", "clusters", "method")
    blocks = [
        Block((position.name, name, [str(layer) for layer in line.layer], [view.axes.stream.depth[layer] for layer in line.layer],
               line.mean, line.low, line.high, str(line.n_items), str(line.n_clusters), line.method))
        for name, line in used
    ]  # fmt: skip
    return Table(head, tuple(blocks))


def probe_figures(view: ProbeView) -> Figures:
    """`accuracy` by `POSITION|MEASURE`, `confusion` by `POSITION|STREAM`; positions by their number. In the light theme."""
    widths: tuple[Width, ...] = ("wide", "narrow", "phone")
    return {
        "accuracy": {
            choice(str(at), measure): {"wide": accuracy(view, position, measure)}
            for at, position in enumerate(view.positions)
            for measure, shown in PROBE_LINES.items()
            if shown.line in position.lines
        },
        "confusion": {
            choice(str(at), str(stream)): {width: confusion(position, stream, width) for width in widths}
            for at, position in enumerate(view.positions)
            for stream in position.lines["accuracy"].layer
        },
    }
