"""What do two models look like layer by layer? A map of either model or of a difference, and the curves of all beneath."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.canvas import wrapped
from strata.dashboards.figures.figure_values import Block, Drawn, Table, Width
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
from strata.dashboards.sentences.figures.comparison import (
    COVERS_0,
    NO_READING,
    LayerContrast,
    both_values,
    colour_note,
    difference_words,
    items_in_clusters,
    map_aria,
    reading_at,
    reading_title,
)
from strata.dashboards.sentences.figures.layers import at_layer, with_n
from strata.dashboards.sentences.layer_changes import CONTRASTS
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.comparison.schema_lines import ChangeLine, ReadingView
from strata.dashboards.view.schema_parts import Axis, Number


def layer_map(
    view: ComparisonView, reading: ReadingView, shown: LayerContrast, width: Width = "wide", theme: Theme = "light"
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
    aria = [" ".join(filter(None, (_site(view, line.component), line.aria))) for line in lines]
    about = reading_at(reading.instrument_label, reading.label, reading.position)
    heat = Heat(
        reading_title(reading.instrument_label, reading.label, shown.text), [_row(view, line, shown, layers) for line in lines], layers, lines[0].axis, (low or 0.0, high or 0.0),
        not difference and reading.sequential, colour_note(shown.text, reading.unit), map_aria(about, aria),
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
        differences = [(change, "distilled"), (control, "control"), (beyond, "beyond")]
        changes = [
            Entry(line, ROLE_STYLES[role], CONTRASTS[line.contrast]) for line, role in differences if line is not None
        ]
        cells |= {("models", kind): PanelCell(means, NO_READING), ("differences", kind): PanelCell(changes, NO_READING)}
    columns = [Column(kind, kind) for kind in main_kinds(kinds)]
    rows = [
        Row("models", _site(view, site if reading.components else None), reading.unit),
        Row("differences", "difference", "difference", {column.id: [Guide(0)] for column in columns}),
    ]
    aria = ". ".join(line.aria for lines in found.values() for line in lines)
    axis: Axis = "block" if reading.axis == "block" else "stream"
    title = reading_at(reading.instrument_label, reading.label, reading.position)
    return line_panels(Panels(title, axis, columns, rows, cells, 210, aria), view.axes, width, theme)


def _lines(view: ComparisonView, reading: ReadingView, contrast: str) -> list[ChangeLine]:
    wanted = (contrast, reading.instrument, reading.measure, reading.position)
    return [
        line for line in view.changes.lines if (line.contrast, line.instrument, line.measure, line.position) == wanted
    ]


def _site(view: ComparisonView, component: str | None) -> str:
    return view.changes.components.get(component, component) if component else ""


def _row(view: ComparisonView, line: ChangeLine, shown: LayerContrast, layers: Sequence[int]) -> HeatRow:
    at = {layer: i for i, layer in enumerate(line.layer)}
    values = {"before": line.before, "after": line.after, "mean": line.mean}[shown.part]
    site = _site(view, line.component)
    placed: list[Number] = [values[at[layer]] if layer in at else None for layer in layers]
    dim = [line.dim[at[layer]] if layer in at else None for layer in layers] if shown.part == "mean" else None
    says = ["" if value is None else _hover(view, line, at[layer]) for layer, value in zip(layers, placed, strict=True)]
    label = with_n(" · ".join(filter(None, (line.kind, site))), line.n_items)
    return HeatRow(label, line.kind, placed, says, dim)


def _hover(view: ComparisonView, line: ChangeLine, i: int) -> str:
    depth = view.axes.of(line.axis).depth[line.layer[i]]
    lines = [
        f"<b>{plain(line.kind)}</b> {plain(_site(view, line.component))} · {items_in_clusters(line.n[i], line.n_clusters)}",
        at_layer(line.axis, line.layer[i], depth),
        both_values(line.contrast, line.before[i], line.after[i]),
        difference_words(line.contrast, line.mean[i], line.low[i], line.high[i]),
        *([COVERS_0] if line.dim[i] else []),
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
