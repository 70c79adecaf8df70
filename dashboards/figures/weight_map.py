"""Which weights changed? Every kind of matrix of each model, block by block, in one range of colours."""

from __future__ import annotations

from strata.dashboards.figures.figure_values import Block, Drawn, Table, Width
from strata.dashboards.figures.heat_rows import Heat, HeatRow, heat_rows
from strata.dashboards.figures.palette import Theme, plain
from strata.dashboards.number_formats import number
from strata.dashboards.sentences.figures.comparison import (
    map_aria,
    matrix_at,
    tensors_words,
    weights_note,
    weights_title,
)
from strata.dashboards.view.comparison.schema import ComparisonView
from strata.dashboards.view.comparison.schema_lines import WeightMap, WeightsView
from strata.dashboards.view.schema_parts import Axes


def weight_map(view: ComparisonView, measure: str, width: Width = "wide", theme: Theme = "light") -> Drawn:
    """No estimate from items: the weights themselves."""
    part, axes = view.weights, view.axes
    label = part.measures[measure].label
    low, high = part.measures[measure].limits
    rows = [
        HeatRow(f"{shown.contrast} · {matrix}", shown.contrast, shown.values[measure][m], _says(part, axes, shown, m))
        for shown in part.maps
        for m, matrix in enumerate(part.matrices)
    ]
    names = list(part.measures)
    head = ("model", "matrix", "block", "depth", *names, "tensors")
    blocks = [
        Block((shown.contrast, matrix, [str(b) for b in part.blocks], [axes.block.depth[b] for b in part.blocks],
               *(shown.values[name][m] for name in names), ["" if n is None else str(n) for n in shown.n[m]]))
        for shown in part.maps
        for m, matrix in enumerate(part.matrices)
    ]  # fmt: skip
    note = weights_note(label)
    aria = map_aria(label, (shown.aria for shown in part.maps))
    heat = Heat(
        weights_title(label),
        rows,
        part.blocks,
        "block",
        (low or 0.0, high or 0.0),
        True,
        note,
        aria,
        Table(head, tuple(blocks)),
        measure=label,
    )
    return heat_rows(heat, axes, width, theme)


def _says(part: WeightsView, axes: Axes, shown: WeightMap, m: int) -> list[str]:
    said = []
    for i, block in enumerate(part.blocks):
        values = [
            f"{plain(measure.label)}: {number(shown.values[name][m][i], 4)}" for name, measure in part.measures.items()
        ]
        head = f"<b>{plain(shown.contrast)}</b> {plain(matrix_at(part.matrices[m], block, axes.block.depth[block]))}"
        said.append("<br>".join([head, *values, tensors_words(shown.n[m][i])]))
    return said
