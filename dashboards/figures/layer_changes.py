"""What do two models look like layer by layer? A map of either model or of a difference, and the curves of all beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from strata.dashboards.figures.canvas import wrapped
from strata.dashboards.figures.drawn import Block, Drawn, Table, Width
from strata.dashboards.figures.groups import main_kinds
from strata.dashboards.figures.heat_rows import Heat, HeatRow, heat_rows
from strata.dashboards.figures.line_panels import (
    ROLE_STYLES,
    Column,
    Entry,
    Guide,
    PanelCell,
    Panels,
    Row,
    line_panels,
    without_band,
)
from strata.dashboards.figures.palette import Theme, plain
from strata.dashboards.figures.positions import place_words
from strata.dashboards.text import interval, number
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.comparison.schema_lines import ChangeLine, ReadingView
from strata.dashboards.view.schema_parts import Axis, Number


@dataclass(frozen=True)
class Shown:
    """A model, or a difference, of a contrast's lines."""

    contrast: str
    part: Literal["before", "after", "mean"]
    text: str
    ends: tuple[str, str] = ("", "")


SHOWN: dict[str, Shown] = {
    "base": Shown("change", "before", "base"),
    "distilled": Shown("change", "after", "distilled"),
    "control": Shown("control_change", "after", "control"),
    "change": Shown("change", "mean", "difference: distilled − base", ("base higher", "distilled higher")),
    "control_change": Shown("control_change", "mean", "control’s difference: control − base", ("base higher", "control higher")),
    "difference_in_differences": Shown(
        "difference_in_differences", "mean", "difference in differences against the control: distilled − control", ("control higher", "distilled higher")
    ),
}  # fmt: skip
"""What the map can show."""


def layer_map(
    view: ComparisonView, reading: ReadingView, shown: Shown, width: Width = "wide", theme: Theme = "light"
) -> Drawn | None:
    """Kinds and sites down, layers across. Models share one range of colours, differences another; cells whose 95 % interval covers 0 are dimmed.

    None where the contrast has no line.
    """
    lines = _lines(view, reading, shown.contrast)
    if not lines:
        return None
    difference = shown.part == "mean"
    layers = sorted({layer for line in lines for layer in line.layer})
    low, high = reading.change_limits if difference else reading.limits
    aria = ". ".join(" ".join(filter(None, (_site(view, line.component), line.aria))) for line in lines)
    names = f"{reading.instrument_label}, {reading.label}"
    heat = Heat(
        f"{names}: {shown.text}", [_row(view, line, shown, layers) for line in lines], layers, lines[0].axis, (low or 0.0, high or 0.0),
        not difference and reading.sequential, f"Colour: {shown.text}, {reading.unit}.", f"{names}, {place_words(reading.position)}. {aria}.",
        _table(view, lines), shown.ends, reading.change_clipped if difference else reading.clipped,
    )  # fmt: skip
    return heat_rows(heat, view.axes, width, theme)


def layer_curves(
    view: ComparisonView, reading: ReadingView, site: str | None, width: Width = "wide", theme: Theme = "light"
) -> Drawn:
    """Means of the models above, their differences with bands beneath. `site`: of those that have one."""
    found = {
        contrast: [line for line in _lines(view, reading, contrast) if line.component in (None, site)]
        for contrast in ("change", "control_change", "difference_in_differences")
    }
    kinds = [kind for kind in view.labels.kinds if any(line.kind == kind for line in found["change"])]
    cells: dict[tuple[str, str], PanelCell] = {}
    for kind in main_kinds(kinds):
        change, control, beyond = (next((one for one in lines if one.kind == kind), None) for lines in found.values())
        models = [(change, "before", "base"), (change, "after", "distilled"), (control, "after", "control")]
        means = [
            Entry(
                without_band(line, line.before if part == "before" else line.after, f"{kind}, {part}"),
                ROLE_STYLES[role],
                role,
            )
            for line, part, role in models
            if line is not None
        ]
        differences = [
            (change, "distilled", "distilled − base"),
            (control, "control", "control − base"),
            (beyond, "beyond", "distilled − control"),
        ]
        changes = [Entry(line, ROLE_STYLES[role], name) for line, role, name in differences if line is not None]
        reason = "No item of this kind has this reading in both models."
        cells |= {("models", kind): PanelCell(means, reason), ("differences", kind): PanelCell(changes, reason)}
    columns = [Column(kind, kind) for kind in main_kinds(kinds)]
    rows = [
        Row("models", _site(view, site if reading.components else None), reading.unit),
        Row("differences", "difference", "difference", {column.id: [Guide(0)] for column in columns}),
    ]
    aria = ". ".join(line.aria for lines in found.values() for line in lines)
    axis: Axis = "block" if reading.axis == "block" else "stream"
    title = f"{reading.instrument_label}, {reading.label}, {place_words(reading.position)}"
    return line_panels(Panels(title, axis, columns, rows, cells, 210, aria), view.axes, width, theme)


def _lines(view: ComparisonView, reading: ReadingView, contrast: str) -> list[ChangeLine]:
    wanted = (contrast, reading.instrument, reading.measure, reading.position)
    return [
        line for line in view.changes.lines if (line.contrast, line.instrument, line.measure, line.position) == wanted
    ]


def _site(view: ComparisonView, component: str | None) -> str:
    return view.changes.components.get(component, component) if component else ""


def _row(view: ComparisonView, line: ChangeLine, shown: Shown, layers: Sequence[int]) -> HeatRow:
    at = {layer: i for i, layer in enumerate(line.layer)}
    values = {"before": line.before, "after": line.after, "mean": line.mean}[shown.part]
    site = _site(view, line.component)
    placed: list[Number] = [values[at[layer]] if layer in at else None for layer in layers]
    dim = [line.dim[at[layer]] if layer in at else None for layer in layers] if shown.part == "mean" else None
    says = ["" if value is None else _hover(view, line, at[layer]) for layer, value in zip(layers, placed, strict=True)]
    label = " · ".join(filter(None, (line.kind, site, f"n {line.n_items}")))
    return HeatRow(label, line.kind, placed, says, dim)


def _hover(view: ComparisonView, line: ChangeLine, i: int) -> str:
    upper, lower = view.changes.contrasts[line.contrast].split(" − ")
    depth = view.axes.of(line.axis).depth[line.layer[i]]
    said = " ".join(filter(None, (number(line.mean[i], 3), interval(line.low[i], line.high[i], 3))))
    lines = [
        f"<b>{plain(line.kind)}</b> {plain(_site(view, line.component))} · n {line.n[i]} items in {line.n_clusters} clusters",
        f"{line.axis} {line.layer[i]}, depth {number(depth)}",
        f"{lower} {number(line.before[i], 3)}, {upper} {number(line.after[i], 3)}",
        f"{upper} − {lower} {said}",
        *(["interval covers 0 or is absent"] if line.dim[i] else []),
        wrapped(line.method, 60),
    ]
    return "<br>".join(lines)


def _table(view: ComparisonView, lines: Sequence[ChangeLine]) -> Table:
    axis = lines[0].axis
    head = (
        "contrast",
        "kind",
        "site",
        "position",
        axis,
        "depth",
        "before",
        "after",
        "difference",
        "low",
        "high",
        "items",
        "clusters",
        "method",
    )
    blocks = [
        Block((view.changes.contrasts[line.contrast], line.kind, line.component, line.position, [str(layer) for layer in line.layer],
               [view.axes.of(axis).depth[layer] for layer in line.layer], line.before, line.after, line.mean, line.low, line.high,
               [str(n) for n in line.n], str(line.n_clusters), line.method))
        for line in lines
    ]  # fmt: skip
    return Table(head, tuple(blocks))
