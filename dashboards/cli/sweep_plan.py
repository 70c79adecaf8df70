"""`strata plan sweep FILE.toml`: its runs, memory, disk and time, before one of them is begun."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.dashboards.default_directory import default_directory

if TYPE_CHECKING:
    from strata.experiments.sweep.cost_plan import SweepPlan
    from strata.probes.checkpoints.checkpoint import Checkpoint


def print_sweep_plan(file: Path, out: Path | None, shown: DisplayOptions, *, trial: bool, workers: int) -> int:
    """Exit code 0; 3 where it doesn't fit, 1 where a checkpoint can't be planned for. Raises StrataError for a bad file."""
    from strata.dashboards.cli.swept_locate import locate_options
    from strata.experiments.sweep.cost_plan import plan_sweep
    from strata.experiments.sweep.planned_runs import planned
    from strata.experiments.sweep.sweep_file import read_sweep

    asked = read_sweep(file)
    runs = planned(asked).runs
    options = {run.key: locate_options(asked.options, str(file), run) for run in runs}
    model = options[runs[0].key].model
    display = shown.made()
    with only_results_on_stdout() as stdout, display.listening():
        plan = plan_sweep(
            runs,
            lambda run: options[run.key].config,
            lambda spec, weights: _opened(spec, model, display, weights=weights),
            out or default_directory("sweep", file.stem),
            trial=trial,
            workers=workers,
        )
        if shown.json:
            write_json(stdout, {"schema": "strata.sweep_plan/1", **asdict(plan), "fits": plan.fits})
        else:
            _print(plan, stdout)
    return 1 if plan.refused else 0 if plan.fits else 3


def _opened(spec: str, options: ModelOptions, display: Display, *, weights: bool) -> Checkpoint:
    from strata.probes.checkpoints.open_spec import open_on_meta

    if weights:
        return open_from(spec, options, display)
    return open_on_meta(spec, dtype=options.dtype, trust_remote_code=options.trust_remote_code)


def _print(plan: SweepPlan, stdout: TextIO) -> None:
    from strata.dashboards.sentences.sweep_plan import HEADS, TITLE, plan_lines, plan_rows

    columns = [Column(head, "left" if head in (HEADS[0], HEADS[-1]) else "right") for head in HEADS]
    print_table(PlainConsole(stdout), TITLE, columns, plan_rows(plan))
    console = PlainConsole(stdout, soft_wrap=True)
    for line in plan_lines(plan):
        console.print(line)
