"""What differs between two finished runs? Only that: settings, models, versions, places, verdicts, and numbers beyond a tolerance.

Two numbers differ where |a − b| > tolerance × max(1, |a|, |b|). Runs of different commands are compared by their settings
alone. Every file of both is held against its checksum first; nothing is written.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.experiments.declared_setting import share

EXAMPLES = """examples:
  strata diff runs/first runs/second
  strata diff runs/monday runs/tuesday --tolerance 0.01 --fail-on-difference
"""


@dataclass(frozen=True)
class Options:
    tolerance: float = option(
        0.001, "how far numbers may differ, in units of the larger of 1 and both", "comparing", share, metavar="X"
    )  # fmt: skip
    all: bool = option(False, "every number, not only those furthest apart", "output")
    fail_on_difference: bool = option(
        False, "exit code 1 where a place, a verdict or a number differs, whatever was asked", "comparing"
    )
    json: bool = option(False, "print exactly one JSON object", "output")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="RUN", help="a run directory")
    parser.add_argument("second", metavar="RUN", help="another one")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    options = chosen_options(Options, arguments)
    with only_results_on_stdout() as stdout:
        from strata.dashboards.sentences.difference_tables import MOST_NUMBERS, difference_tables, notes
        from strata.experiments.run.diff_runs import diff_runs
        from strata.experiments.run.finished import finished_run

        first, second = (finished_run(Path(directory)) for directory in (arguments.first, arguments.second))
        difference = diff_runs(first, second, options.tolerance)
        if options.json:
            write_json(stdout, difference.as_json())
        else:
            console = PlainConsole(stdout)
            for line in (f"first: {first.directory}", f"second: {second.directory}", *notes(difference)):
                console.print(line)
            for table in difference_tables(difference, most=None if options.all else MOST_NUMBERS):
                console.print()
                print_table(console, table.title, [Column(name) for name in table.header], table.rows)
        failed = options.fail_on_difference and not difference.same_result
    return 1 if failed else 0
