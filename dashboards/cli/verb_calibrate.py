"""Can the instrument be trusted? Localises in planted models whose truth is known and in models with nothing to find.

Prints for every construction how many families are placed right, in part, not at all or wrongly, whether the order of
the kinds is right, how often intervals hold the true ends, what is claimed of nulls, and power by number of pairs.
Results are kept line by line: a second start with the same --out goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from strata.dashboards.cli.common_options import DISPLAY, config_lines, display_from, given_options
from strata.dashboards.cli.display import only_results_on_stdout
from strata.dashboards.cli.options import Option, add_options, positive, resolve, whole
from strata.dashboards.cli.tables import Column, print_table

if TYPE_CHECKING:
    from strata.experiments.calibrate.report import Calibration, Tally

EXAMPLES = """examples:
  strata calibrate --half judge --nulls 100 --out runs/calibration
  strata calibrate --half tune --only superposed,blurred --json
  strata calibrate --half all --power --workers 2
"""
OPTIONS = (
    Option("half", "judge", "tune: constructions that the rule was tuned on; judge: the others; all", "models",
           choices=("tune", "judge", "all")),
    Option("only", (), "only constructions whose name contains one of these", "models", metavar="TEXT,…"),
    Option("nulls", 0, "models with nothing to find, a quarter of each kind", "models", whole, metavar="N"),
    Option("power", False, "the same again with 8, 12, 18 and 24 pairs a family", "models"),
    Option("seed", 0, "seed of the localisation", "models", whole, metavar="N"),
    Option("workers", 1, "processes", "running", positive, metavar="N"),
    Option("out", "runs/calibration", "directory of the results", "running", metavar="DIR"),
    *DISPLAY,
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = {name: entry.value for name, entry in resolved.items()}
    display = display_from(values)
    with only_results_on_stdout() as stdout, display.listening():
        from strata.experiments.calibrate.library import constructions
        from strata.experiments.calibrate.nulls import NULL_KINDS, Null
        from strata.experiments.calibrate.report import calibration
        from strata.experiments.calibrate.run import calibrate, jobs_of, with_names
        from strata.experiments.locate.localise import localise_summary

        chosen = with_names(constructions(values["half"]), values["only"])
        nulls = [Null(NULL_KINDS[number % len(NULL_KINDS)], number // len(NULL_KINDS)) for number in range(values["nulls"])]  # fmt: skip
        rows = calibrate(
            jobs_of(chosen, nulls, power=values["power"], seed=values["seed"]),
            localise_summary,
            Path(values["out"]),
            workers=values["workers"],
            progress=display,
        )
        result = calibration(rows)
        if values["json"]:
            stdout.write(json.dumps({"schema": "strata.calibration/1", **as_json(result)}, ensure_ascii=False) + "\n")
        else:
            print_calibration(result, Console(file=stdout, highlight=False, markup=False))
    return 0


def as_json(result: Calibration) -> dict[str, Any]:
    record = asdict(result)
    record["power"] = {str(pairs): tally for pairs, tally in record["power"].items()}
    return record


def print_calibration(result: Calibration, console: Console) -> None:
    heads = [Column("construction"), *(Column(name, "right") for name in _TALLY)]
    rows = [(name, *_cells(tally)) for name, tally in result.by_construction.items()]
    rows += [(f"all of {half}", *_cells(tally)) for half, tally in result.by_half.items()]
    rows += [(f"superposed codes of {half}", *_cells(tally)) for half, tally in result.messy.items() if tally.families]
    print_table(console, "where families' answers are made, and the order of the kinds", heads, rows)
    if result.readings:
        readings = [(name, f"{right} of {said}") for name, (right, said) in result.readings.items()]
        print_table(console, "how blocks act together", [Column("true"), Column("said so", "right")], readings)
    _print_nulls(result, console)
    if result.power:
        heads = [Column("pairs a family"), *(Column(name, "right") for name in _TALLY)]
        print_table(console, "by number of pairs", heads, [(str(n), *_cells(t)) for n, t in result.power.items()])
    for name, error in result.errors.items():
        console.print(f"{name}: {error}", soft_wrap=True)
    for name, families in result.excluded.items():
        parts = "; ".join(f"{family}: {', '.join(failed)}" for family, failed in families.items())
        console.print(f"{name}: not scored, since its plant fails its revert test: {parts}", soft_wrap=True)


_TALLY = (
    "families",
    "right",
    "part",
    "silent",
    "wrong",
    "order",
    "undetermined",
    "wrong order",
    "ends covered",
    "width",
)


def _cells(tally: Tally) -> Sequence[str]:
    return (
        str(tally.families),
        *(str(count) for count in tally.places.values()),
        str(tally.orders.get("right", 0)),
        str(tally.orders.get("undetermined", 0) + tally.orders_open.get("right", 0)),
        str(tally.orders.get("wrong", 0) + tally.orders_open.get("wrong", 0)),
        _share(*tally.covered_ends),
        "–" if tally.interval_width is None else f"{tally.interval_width:.1f}",
    )


def _print_nulls(result: Calibration, console: Console) -> None:
    if not result.nulls:
        return
    columns = [Column("null"), *(Column(name, "right") for name in ("runs", "kinds", "as blocks", "as spread", "families", "placed", "orders", "in general", "failed"))]  # fmt: skip
    rows = [
        (kind, *(str(count) for count in (null.runs, null.kinds, null.blocks, null.spread, null.families, null.placed, null.orders, null.orders_general, null.failed)))
        for kind, null in result.nulls.items()
    ]  # fmt: skip
    print_table(
        console, "what is claimed where nothing is planted (`unequal`: places are true, an order isn't)", columns, rows
    )


def _share(part: int, whole_: int) -> str:
    return f"{part / whole_:.0%} of {whole_}" if whole_ else "–"
