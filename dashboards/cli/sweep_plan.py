"""`strata plan sweep FILE.toml`: its runs, memory, disk and time, before one of them is begun."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from strata.dashboards.cli.byte_sizes import size_text
from strata.dashboards.cli.common_options import DisplayOptions, ModelOptions, open_from
from strata.dashboards.cli.display import Display, only_results_on_stdout, seconds_text
from strata.dashboards.cli.terminal import PlainConsole, write_json
from strata.dashboards.cli.terminal_tables import Column, print_table
from strata.dashboards.default_directory import default_directory
from strata.dashboards.number_formats import count

if TYPE_CHECKING:
    from strata.experiments.sweep.cost_plan import CheckpointCost, SweepPlan
    from strata.probes.checkpoints.checkpoint import Checkpoint

_COLUMNS = (
    Column("checkpoint"),
    *(Column(name, "right") for name in ("runs", "made", "memory", "kept", "time")),
    Column(""),
)


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
    print_table(PlainConsole(stdout), "Planned:", _COLUMNS, [_row(cost) for cost in plan.checkpoints])
    console = PlainConsole(stdout, soft_wrap=True)
    free = f" of {size_text(plan.available_bytes)} free" if plan.available_bytes else ""
    console.print(
        f"{count(plan.runs, 'run')}, {plan.made} made already; {plan.workers} at a time: {size_text(plan.memory_bytes)} of memory{free}, "
        f"{size_text(plan.disk_bytes)} of disk ({size_text(plan.free_disk_bytes)} free), {_time(plan.seconds)}"
    )
    console.print(f"fits: {'yes' if plan.fits else 'no; fewer --workers, or a smaller question'}")


def _row(cost: CheckpointCost) -> list[str]:
    if cost.why_not:
        return [cost.checkpoint, str(cost.runs), str(cost.made), "–", "–", "–", cost.why_not]
    return [
        cost.checkpoint, str(cost.runs), str(cost.made), size_text(cost.memory_bytes), size_text(cost.kept_bytes),
        _time(cost.seconds), "",
    ]  # fmt: skip


def _time(seconds: tuple[float, float] | None) -> str:
    if seconds is None:
        return "time unknown without a trial"
    low, high = seconds
    return f"{seconds_text(low)} to {seconds_text(high)}"
