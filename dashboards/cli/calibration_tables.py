"""How is a calibration's record printed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.dashboards.sentences.calibration_terminal import (
    PrintedTable,
    not_scored,
    printed_tables,
    real_families,
    simulated,
)
from strata.experiments.results.calibration import Calibration, CoverageTally, FamilyPower


def print_calibration(record: Calibration, console: Console) -> None:
    for table in printed_tables(record):
        _print(table, console)
    for line in not_scored(record):
        console.print(line, soft_wrap=True)


def print_real(families: Sequence[FamilyPower], console: Console) -> None:
    """What subsets of the pairs say, beside what all of them say."""
    if families:
        _print(real_families(families), console)


def print_coverage(coverage: Mapping[str, CoverageTally], console: Console) -> None:
    if coverage:
        _print(simulated(coverage), console)


def _print(table: PrintedTable, console: Console) -> None:
    columns = [Column(head, "left" if head in table.words else "right") for head in table.heads]
    print_table(console, table.title, columns, table.rows)
