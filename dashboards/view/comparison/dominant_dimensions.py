"""Lines with and without dominant dimensions: how they are gathered, and where the two disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.dominant_dimensions import aria_with_band, family_band
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import Columns, gathered, rounded, whole
from strata.dashboards.view.comparison.schema_lines import DominatedLine
from strata.experiments.compare.similarity_falls import disagreements
from strata.experiments.results.rows import Row, text
from strata.experiments.results.table import Value
from strata.probes.errors import StrataError

D = TypeVar("D", bound=DominatedLine)
Key = tuple[Value, ...]
Families = Mapping[str, Mapping[int, float]]
"""Family → stream → the value without it."""


def current_rows(run: ComparisonRun, table: str) -> Sequence[Row]:
    """The table's rows; StrataError when an earlier version wrote it, which read some prompts behind a piece of the answer."""
    rows = run.rows(table)
    if rows and "dimensions" not in rows[0]:
        file = run.run_dir / f"{table}.parquet"
        raise StrataError(
            f"{file} was written by an earlier version of Strata, which didn't look for dominant dimensions",
            "Compare the models again, with another --out",
        )
    return rows


def with_dominant(line: type[D], rows: Sequence[Row], key: tuple[str, ...], shares: tuple[str, ...]) -> list[D]:
    """Lines by `key` and dimensions, each with its dominant dimensions and shares by stream.

    Without a dominant dimension there is nothing to trim: there the trimmed line is the other one.
    """
    kept: list[Row] = [row for row in rows if row["dimensions"] == "all" or row["dominant"]]
    kept += [{**row, "dimensions": "trimmed"} for row in kept if row["dimensions"] == "all" and not row["dominant"]]
    columns = Columns((*key, "dimensions"), axis="stream", layer="stream", extra=shares)
    named = {(*(row[name] for name in key), whole(row, "stream")): row["dominant"] for row in kept}
    held = {
        (*(row[name] for name in key), whole(row, "stream")): max(
            (share for name in shares if (share := rounded(row, name)) is not None), default=None
        )
        for row in kept
    }
    lines = []
    for gathered_line in gathered(line, kept, columns):
        at = [(*(getattr(gathered_line, name) for name in key), stream) for stream in gathered_line.layer]
        lines.append(
            gathered_line.model_copy(
                update={"dominant": tuple(named[place] for place in at), "shares": tuple(held[place] for place in at)}
            )
        )
    return lines


def drawn(line: DominatedLine) -> bool:
    """Without dominant dimensions there is nothing to leave out, and no second line."""
    return line.dimensions == "all" or any(line.dominant)


def excluded(rows: Sequence[Row], key: Sequence[str]) -> dict[Key, dict[str, dict[int, float]]]:
    """By `key` the values of all dimensions with each family excluded."""
    by_key: dict[Key, dict[str, dict[int, float]]] = {}
    for row in rows:
        value = row["value"]
        if row["excluded"] is not None and row["dimensions"] == "all" and value is not None:
            of = by_key.setdefault(tuple(row[name] for name in key), {}).setdefault(text(row, "excluded"), {})
            of[whole(row, "stream")] = float(value)
    return by_key


def family_line(line: D, without: Families) -> D:
    """The line again, its band the lowest and highest value with a family excluded."""
    by_stream = [[of[stream] for of in without.values() if stream in of] for stream in line.layer]
    method = family_band(len(without))
    return line.model_copy(
        update={
            "low": tuple(significant(min(values, default=None)) for values in by_stream),
            "high": tuple(significant(max(values, default=None)) for values in by_stream),
            "method": method,
            "aria": aria_with_band(line.aria, method),
        }
    )


def apart(line: DominatedLine, trimmed: DominatedLine) -> dict[int, tuple[float, float]]:
    """Streams at which the two lines disagree, with both values."""
    return disagreements(values_of(line), values_of(trimmed))


def values_of(line: DominatedLine) -> dict[int, float]:
    """By stream, where there is a value."""
    return {stream: value for stream, value in zip(line.layer, line.mean, strict=True) if value is not None}
