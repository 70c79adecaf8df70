"""One question asked of many checkpoints: doses between two, steps of a training, seeds, framings, item files.

FILE.toml lists them. Each combination is a `strata locate` in a directory of its own; on a Ray cluster (extra ray) several are made at
a time, without Ray one after the other. What is made is kept: started again, a sweep goes on, and makes what a longer file adds.
At the end a table of the runs, and a page on which accuracies, onsets, places and cells are followed along the axis. Exit code 1
when some run could not be made: the others stand.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.common_options import DisplayOptions
from strata.dashboards.cli.display import Display
from strata.dashboards.cli.measured_run import measured_run
from strata.dashboards.cli.options import add_options, chosen_options, option, options_of, values_of
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.default_directory import default_directory
from strata.dashboards.option_values import manifest_options
from strata.experiments.declared_setting import above_zero, positive

if TYPE_CHECKING:
    from pydantic import JsonValue

    from strata.experiments.results.sweep import SweepResult
    from strata.experiments.sweep.engines import Engine
    from strata.experiments.sweep.sweep_file import SweepFile

ENGINES = ("auto", "ray", "sequential")
EXAMPLES = """examples:
  strata sweep doses.toml --out runs/doses
  strata sweep steps.toml --workers 2 --cpus 8
  strata sweep steps.toml --address 10.0.0.1:6379 --gpus 1
  strata plan sweep doses.toml

doses.toml:
  seeds = [0]

  [dose]
  base = "smollm2"
  distilled = "smollm2+think"
  doses = [0, 0.25, 0.5, 0.75, 1]

  [options]
  quick = true
  families = ["language", "addition", "product"]

Instead of [dose], or beside it: checkpoints = ["org/name@step1000", { spec = "org/other", at = 2000 }]. Further keys: framings, items
(JSON Lines files), shards (parts of a run's families that are intervened on side by side), axis (what `at` counts). [options] are those of strata locate.
"""


@dataclass(frozen=True)
class Options:
    out: str | None = option(None, "directory of the sweep (default: runs/sweep-FILE)", "output", metavar="DIR")
    engine: str = option("auto", "ray, sequential, or auto: ray where it is installed", "running", choices=ENGINES)
    address: str | None = option(
        None, "of a running Ray cluster whose nodes share --out (default: a local one)", "running", metavar="HOST:PORT"
    )
    workers: int | None = option(
        None, "runs at a time on a local cluster (default: one a GPU, two without)", "running", positive, metavar="N"
    )
    cpus: int | None = option(
        None, "CPU cores of a run (default: the local cores over the workers; all where runs follow each other)", "running",
        positive, metavar="N",
    )  # fmt: skip
    gpus: float | None = option(
        None, "GPUs of a run (default: one where there is any)", "running", above_zero, metavar="N"
    )
    trust_remote_code: bool = option(False, "run Python code that comes with the checkpoints", "model", asked_only=True)
    shown: DisplayOptions = field(default_factory=DisplayOptions)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.toml", help="checkpoints or doses, seeds, framings, options of the runs")
    add_options(parser, options_of(Options))


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    from strata.experiments.sweep.sweep_file import read_sweep

    options = chosen_options(Options, arguments)
    file = Path(arguments.file)
    asked = read_sweep(file)
    out = Path(options.out) if options.out else default_directory("sweep", file.stem)
    results: list[SweepResult] = []

    def measure(display: Display) -> SweepResult:
        results.append(_sweep(file, asked, options, out, command, display))
        return results[0]

    measured_run(
        out, options.shown, command, measure, lambda result, page, stdout: _tell(result, out, page, options, stdout)
    )
    return 1 if results[0].failed else 0


def _sweep(
    file: Path, asked: SweepFile, options: Options, out: Path, command: list[str], display: Display
) -> SweepResult:
    from strata.dashboards.cli.swept_locate import locate_jobs, locate_options, shared_settings
    from strata.dashboards.page import write_pages
    from strata.experiments.run.controls import RunControls
    from strata.experiments.sweep.pipeline import sweep
    from strata.experiments.sweep.planned_runs import planned

    plan = planned(asked)
    of_runs = {
        each.key: locate_options(asked.options, str(file), each, trust_remote_code=options.trust_remote_code)
        for each in plan.runs
    }
    result = sweep(
        plan,
        lambda each: locate_jobs(each, out, of_runs[each.key], asked.options),
        out,
        engine_of(options, out),
        identity=shared_settings(of_runs[plan.runs[0].key]),
        controls=RunControls(
            command=["strata", *command],
            options=manifest_options(values_of(options)),
            progress=display,
            on_run=display.record_in,
        ),
    )
    write_pages(out, display)
    return result


def engine_of(options: Options, out: Path) -> Engine:
    """Ray where it is asked for, or installed and not declined. Raises StrataError for options that contradict each other."""
    from strata.experiments.sweep.engines import OneAfterTheOther
    from strata.experiments.sweep.on_ray import OnRay
    from strata.probes.errors import StrataError

    for_a_cluster: Mapping[str, JsonValue] = {
        "--address": options.address, "--workers": options.workers, "--gpus": options.gpus,
    }  # fmt: skip
    given = next((flag for flag, value in for_a_cluster.items() if value is not None), None)
    if options.engine == "sequential" and given is not None:
        raise StrataError(f"{given} is about a cluster, and --engine sequential uses none", "Leave one of them out")
    if options.address is not None and options.workers is not None:
        raise StrataError(
            "--workers is about a local cluster, and --address names another one", "Leave one of them out"
        )
    if options.engine == "sequential" or (
        options.engine == "auto" and given is None and importlib.util.find_spec("ray") is None
    ):
        return OneAfterTheOther(options.cpus)
    if options.address is not None:
        return OnRay(out, options.address, None, options.cpus or 1, options.gpus)
    workers = options.workers or _workers()
    cpus = options.cpus or max(1, (os.cpu_count() or 1) // workers)
    return OnRay(out, None, workers, cpus, options.gpus)


def _workers() -> int:
    import torch

    return torch.cuda.device_count() or min(2, os.cpu_count() or 1)


def _tell(result: SweepResult, out: Path, page_line: str, options: Options, stdout: TextIO) -> None:
    from strata.dashboards.cli.terminal_tables import Column, print_table
    from strata.dashboards.sentences.sweep import run_columns, run_rows
    from strata.dashboards.view.sweep.build import build_sweep_view

    if options.shown.json:
        write_json(stdout, {**result.as_json(), "run": str(out), "report": str(out / "report.html")})
        return
    numbers = (result.axis.name, "seed")
    columns = [Column(name, "right" if name in numbers else "left") for name in run_columns(result.axis)]
    print_table(PlainConsole(stdout), "Runs:", columns, run_rows(result))
    console = PlainConsole(stdout, soft_wrap=True)
    view = build_sweep_view(out)
    for sentence in view.sentences:
        console.sentence(sentence)
    for caveat in view.warnings:
        console.caveat(caveat)
    console.print(page_line)
