"""How is the plan of a comparison printed? Models, memory, and a row a kind of GPU."""

from __future__ import annotations

from typing import TextIO

from strata.dashboards.cli.terminal import PlainConsole
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.dashboards.sentences.comparison_plan import HEADS, SPEEDS, TITLE, plan_lines, plan_rows
from strata.experiments.compare.comparison_plan import ComparisonPlan


def print_comparison_plan(plan: ComparisonPlan, stdout: TextIO) -> None:
    """Whole sentences and a table, to be read."""
    console = PlainConsole(stdout, soft_wrap=True)
    for line in plan_lines(plan):
        console.print(line)
    print_table(PlainConsole(stdout), TITLE, [Column(name) for name in HEADS], plan_rows(plan))
    console.print(SPEEDS)
