"""A row of a table, as it is written and read."""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.results.table import Value

Row = Mapping[str, Value]
"""By column. Which there are, the table's schema says."""


def integer(row: Row, column: str) -> int:
    """A column that holds a whole number in every row. Raises KeyError for an absent one, ValueError for another value."""
    value = row[column]
    if not isinstance(value, int):
        raise ValueError(f"{column} is {value!r}")
    return value


def text(row: Row, column: str) -> str:
    """A column that holds text in every row. Raises KeyError for an absent one."""
    return str(row[column])
