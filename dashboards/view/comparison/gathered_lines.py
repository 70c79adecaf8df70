"""Rows of a table gathered into lines over layers, numbers untouched; and why there is nothing to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.comparison_reasons import models_excluded, why_no_value
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.schema_lines import LineView, State
from strata.dashboards.visible_text import path_free
from strata.experiments.results.comparison_reasons import Part, WhyNoValue
from strata.experiments.results.intervals import side_of
from strata.experiments.results.rows import Row, text
from strata.experiments.results.table import Value

L = TypeVar("L", bound=LineView)


@dataclass(frozen=True)
class Columns:
    """From which columns of a table its lines are made."""

    key: tuple[str, ...]
    """Those that tell one line from another; fields of the line as well."""
    values: tuple[str, str, str] = ("value", "low", "high")
    layer: str = "layer"
    axis: Literal["stream", "block"] = "block"
    extra: tuple[str, ...] = ()
    """Numbers by layer that the line keeps beside its values."""


def gathered(line: type[L], rows: Sequence[Row], columns: Columns, same: Mapping[str, str] | None = None) -> list[L]:
    """One line for each key, in layer order; rows without a layer or a number make no point, a line without one is excluded.

    `same`: fields that all lines have.
    """
    groups: dict[tuple[Value, ...], list[Row]] = {}
    for row in rows:
        if row[columns.layer] is not None and row[columns.values[0]] is not None:
            groups.setdefault(tuple(row[name] for name in columns.key), []).append(row)
    lines = []
    for where, members in groups.items():
        ordered = sorted(members, key=lambda row: whole(row, columns.layer))
        fields = {
            **dict(zip(columns.key, where, strict=True)), **(same or {}),
            "axis": columns.axis,
            "layer": [whole(row, columns.layer) for row in ordered],
            **{
                name: [rounded(row, column) for row in ordered]
                for name, column in zip(("mean", "low", "high"), columns.values, strict=True)
            },
            **{name: [rounded(row, name) for row in ordered] for name in columns.extra},
            "n": [whole(row, "n_items") for row in ordered],
            "n_items": max(whole(row, "n_items") for row in ordered),
            "n_clusters": max(whole(row, "n_clusters") for row in ordered),
            "method": next((text(row, "method") for row in ordered if row.get("method")), ""),
        }  # fmt: skip
        lines.append(line.model_validate(fields))
    return lines


def whole(row: Row, column: str) -> int:
    """A whole number; 0 where there is none."""
    return int(row[column] or 0)


def rounded(row: Row, column: str) -> float | None:
    """A number as the view keeps it; None where there is none."""
    value = row.get(column)
    return None if value is None else significant(float(value))


def covers_zero(line: LineView) -> tuple[int, ...]:
    """1 where the interval covers 0 or is absent, so that nothing is shown there."""
    return tuple(int(side_of(low, high) == 0) for low, high in zip(line.low, line.high, strict=True))


@dataclass(frozen=True)
class Drawn:
    """Whether a part is drawn, and if not why."""

    state: State
    text: str = ""


def drawn_or_why(there: bool, run: ComparisonRun, parts: Sequence[Part], otherwise: str) -> Drawn:
    """Ok, or the reasons why there is nothing to draw: what the comparison excluded, else `otherwise`."""
    if there:
        return Drawn("ok")
    excluded = [entry for entry in run.comparison.not_comparable if entry.part in parts]
    return Drawn("incomparable", models_excluded(excluded)) if excluded else Drawn("not_run", otherwise)


def why_absent(row: Row) -> str:
    """The words for a row's `reason`; empty where it has a number."""
    reason = row["reason"]
    return "" if reason is None else path_free(why_no_value(WhyNoValue.from_column(str(reason))))
