"""What do the tables of every run say? Their declarations as one Markdown page: `python -m strata.experiments.results.table_descriptions`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from strata.experiments.results.behaviour_tables import BEHAVIOUR_TABLES
from strata.experiments.results.comparison_tables import COMPARISON_TABLES
from strata.experiments.results.generated_tables import GENERATED_TABLES
from strata.experiments.results.locate_tables import HEADS, LOCATE_TABLES
from strata.experiments.results.probe_tables import PROBE_TABLES
from strata.experiments.results.sweep_tables import SWEEP_TABLES
from strata.experiments.results.table import Table

OF: Mapping[str, Sequence[Table[Any]]] = {
    "strata locate": (*LOCATE_TABLES, HEADS),
    "strata compare": COMPARISON_TABLES,
    "strata probe": PROBE_TABLES,
    "strata behave": BEHAVIOUR_TABLES,
    "strata sweep": SWEEP_TABLES,
    "strata distill, and generated answers of strata compare": GENERATED_TABLES,
}
"""Who writes which tables."""


def described() -> str:
    """The page: a section a command, a heading a table, a row a column."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Tables of a run"
    yield ""
    yield "Every table is a Parquet file in the run's directory and has exactly these columns. Generated from the declarations in"
    yield "`experiments/results/`: `python -m strata.experiments.results.table_descriptions > docs/tables.md`."
    for command, tables in OF.items():
        yield from ("", f"## {command}")
        for table in tables:
            yield from ("", f"### {table.name}", "", table.meaning, "", "| column | type | meaning |", "|---|---|---|")
            for column in table.columns:
                kind = f"{column.type} or null" if column.nullable else str(column.type)
                yield f"| `{column.name}` | {kind} | {column.meaning} |"


if __name__ == "__main__":
    print(described(), end="")
