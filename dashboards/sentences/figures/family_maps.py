"""Words in the map of families over layers: what is read at a cell, and its table."""

from __future__ import annotations

from strata.dashboards.number_formats import interval, number

NO_VALUES = "no values"
COVERS_BASELINE = "interval covers the baseline"
HINT = "Click a row to filter the items below."


def head(axis: str) -> tuple[str, ...]:
    """Of its table."""
    return (
        "family", "kind", "n", axis, "depth", "value", "measure low", "measure high", "baseline", "interval covers baseline",
        "note",
    )  # fmt: skip


def measure_words(low: float | None, high: float | None, base: float | None) -> str:
    """What a cell's value was taken from."""
    return f"measure {interval(low, high, 3)}, baseline {number(base, 3)}"


def covers(dim: int) -> str:
    """In the table: whether the interval covers the baseline."""
    return "yes" if dim else "no"
