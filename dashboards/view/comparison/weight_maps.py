"""Change of every kind of matrix by block, one colour range for all models; what lies outside of the blocks apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.weight_changes import MEASURES, NOTHING_COMPARED, largest_change
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import drawn_or_why, rounded, whole
from strata.dashboards.view.comparison.schema_lines import OutsideWeight, WeightMap, WeightMeasure, WeightsView
from strata.experiments.results.rows import Row, text

Cells = Mapping[tuple[str, str, int], Row]
"""By model, matrix and block."""


def build_weights(run: ComparisonRun) -> WeightsView:
    """A map a model and measure."""
    rows = run.rows("weights")
    inside = [row for row in rows if row["block"] is not None]
    matrices = list(dict.fromkeys(text(row, "matrix") for row in inside))
    blocks = sorted({whole(row, "block") for row in inside})
    at = {(text(row, "contrast"), text(row, "matrix"), whole(row, "block")): row for row in inside}
    measures = {name: known for name, label in MEASURES.items() if (known := _measure(name, label, inside)) is not None}
    drawn = drawn_or_why(bool(rows), run, ("weights",), NOTHING_COMPARED)
    return WeightsView(
        state=drawn.state, text=drawn.text, blocks=tuple(blocks), matrices=tuple(matrices), measures=measures,
        maps=tuple(
            _map(role, at, matrices, blocks, list(measures))
            for role in dict.fromkeys(text(row, "contrast") for row in inside)
        ),
        outside=tuple(
            OutsideWeight(
                contrast=text(row, "contrast"), matrix=text(row, "matrix"), n=whole(row, "n"),
                relative_norm=rounded(row, "relative_norm"), cosine=rounded(row, "cosine"),
                stable_rank=rounded(row, "stable_rank"),
            )
            for row in rows
            if row["block"] is None
        ),
    )  # fmt: skip


def _measure(name: str, label: str, inside: Sequence[Row]) -> WeightMeasure | None:
    known = [float(value) for row in inside if (value := row[name]) is not None]
    if not known:
        return None
    low, high = min(known) if name == "cosine" else 0.0, max(known)
    return WeightMeasure(label=label, limits=(significant(low), significant(high or 1.0)))


def _map(role: str, at: Cells, matrices: Sequence[str], blocks: Sequence[int], measures: Sequence[str]) -> WeightMap:
    def cells(name: str, matrix: str) -> tuple[float | None, ...]:
        rows = (at.get((role, matrix, block)) for block in blocks)
        return tuple(None if row is None else rounded(row, name) for row in rows)

    values = {name: tuple(cells(name, matrix) for matrix in matrices) for name in measures}
    counts = tuple(
        tuple(None if (row := at.get((role, matrix, block))) is None else whole(row, "n") for block in blocks)
        for matrix in matrices
    )
    return WeightMap(contrast=role, n=counts, values=values, aria=_largest(role, values, matrices, blocks))


def _largest(
    role: str, values: Mapping[str, Sequence[Sequence[float | None]]], matrices: Sequence[str], blocks: Sequence[int]
) -> str:
    cells = [
        (value, matrix, block)
        for matrix, row in zip(matrices, values.get("relative_norm", []), strict=False)
        for block, value in zip(blocks, row, strict=True)
        if value is not None
    ]
    return largest_change(role, max(cells, key=lambda cell: cell[0], default=None))
