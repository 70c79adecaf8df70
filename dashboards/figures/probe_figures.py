"""Which figures does a run of `strata probe` have? Accuracy by stream with its controls, and confusion at each stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strata.dashboards.figures.canvas import Canvas
from strata.dashboards.figures.confusion import confusion
from strata.dashboards.figures.drawn import Block, Drawn, Figures, Table, Width
from strata.dashboards.figures.lines import Curve, LineStyle, band_trace, line_trace
from strata.dashboards.figures.palette import PALETTES, Theme
from strata.dashboards.text import number, visible
from strata.dashboards.view.schema_probe import ProbedPosition, ProbeView, StreamLine

PANEL = ("x", "y")


@dataclass(frozen=True)
class Shown:
    """A line with what it is held against."""

    text: str
    line: str
    name: str
    controls: tuple[str, ...]
    unit: str
    share: bool
    """Between 0 and 1."""


_SHARE = "share of held-out items"
SHOWN: Mapping[str, Shown] = {
    "accuracy": Shown("accuracy", "accuracy", "probe", ("majority", "embedding", "random_init"), _SHARE, True),
    "template": Shown("held-out templates", "template_accuracy", "probe on held-out templates", ("control_accuracy", "majority"), _SHARE, True),
    "null": Shown("against shuffled labels", "unshuffled", "true labels, on folds that know no labels", ("shuffled",), _SHARE, True),
    "selectivity": Shown("selectivity", "selectivity", "accuracy − control task", (), "difference of shares", False),
    "log_loss": Shown("log-loss", "log_loss", "probe", (), "nats per held-out item", False),
}  # fmt: skip
_CONTROLS: Mapping[str, tuple[str, str]] = {
    "majority": ("majority", "dot"),
    "shuffled": ("shuffled labels, mean", "dash"),
    "embedding": ("embedding alone", "longdash"),
    "random_init": ("random weights", "dashdot"),
    "control_accuracy": ("control task", "dashdot"),
}
"""Words and dash."""


def accuracy(view: ProbeView, position: ProbedPosition, measure: str, theme: Theme = "light") -> Drawn:
    """A measure of `SHOWN` by stream with its 95 % band; thin lines are controls. Marked: the best stream, and the first above its controls."""
    shown, palette = SHOWN[measure], PALETTES[theme]
    canvas, main = Canvas(view.axes, palette), position.lines[shown.line]
    band = band_trace(_curve(main), palette.accent_shade, PANEL)
    canvas.data += band
    used = [(shown.line, main)]
    for name in shown.controls:
        line = position.lines.get(name)
        if line is None:
            continue
        used.append((name, line))
        words, dash = _CONTROLS[name]
        if name == "shuffled":
            canvas.data += band_trace(_curve(line), palette.well, PANEL)
        trace = line_trace(_curve(line), words, LineStyle("strong_line", dash, "circle"), PANEL, palette)
        trace["line"]["width"] = 1.4
        canvas.data.append({**trace, "mode": "lines", "legendrank": 2000})
    name = f"{shown.name} · n {main.n_items} items, {main.n_clusters} clusters"
    canvas.data.append(line_trace(_curve(main), name, LineStyle("accent", "solid", "circle"), PANEL, palette))
    if measure == "accuracy":
        _mark(canvas, position.best, f"best: {position.best}", 0)
        if position.rises is not None:
            _mark(canvas, position.rises, f"above its controls from {position.rises}", 15)
    if measure == "null" and position.chance is not None:
        canvas.rule(PANEL, position.chance, palette.bad)
        said = "95 % of the best streams on shuffled labels lie below"
        canvas.note(said, 12, palette.bad, xref="paper", x=1, y=position.chance, xanchor="right", yanchor="bottom")
    canvas.layer_axis("xaxis", "stream", *canvas.layer_titles("stream"), nticks=20)
    canvas.axis("yaxis", shown.unit, **({"range": [-0.02, 1.03]} if shown.share else {"rangemode": "tozero"}))
    note = f"Band: {main.method}" if band else "No interval was computed."
    if measure == "null":
        note = "Shuffled labels fall below chance where clusters are few: a label that a fold has more of is rarer in its training items. Grey: central 95 % of shuffles."
    return canvas.drawn(
        f"{shown.text} by stream", _aria(position, shown, main), note, _table(view, position, used), height=430, margin={"l": 68, "r": 20, "t": 44, "b": 100},
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


def _aria(position: ProbedPosition, shown: Shown, main: StreamLine) -> str:
    told = [
        f"stream {layer} {number(mean)}"
        for layer, mean in zip(main.layer, main.mean, strict=True)
        if layer % 5 == 0 or layer == position.best
    ]
    return f"{shown.text} at {visible(position.name)}, by stream: {', '.join(told)}"


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
            f"{at}|{measure}": {"wide": accuracy(view, position, measure)}
            for at, position in enumerate(view.positions)
            for measure, shown in SHOWN.items()
            if shown.line in position.lines
        },
        "confusion": {
            f"{at}|{stream}": {width: confusion(position, stream, width) for width in widths}
            for at, position in enumerate(view.positions)
            for stream in position.lines["accuracy"].layer
        },
    }
