"""A sweep: whatever of its runs isn't made is made, then what they say is put into one table along the axis."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from strata.experiments.results.sweep import SWEEP_FILE, Failure, SweepResult, SweptRun
from strata.experiments.results.sweep_tables import TRAJECTORIES, TrajectoryRow
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import read_manifest
from strata.experiments.run.finished import finished_run
from strata.experiments.run.listing import PAGE
from strata.experiments.sweep.attempt import Attempt, Job
from strata.experiments.sweep.engines import Engine
from strata.experiments.sweep.planned_runs import PlannedRun, PlannedSweep
from strata.experiments.sweep.trajectories import trajectory_rows
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import write_whole

_TRACES = "defects"
"""Folder of the traces of defects."""


@dataclass(frozen=True)
class Jobs:
    """How one run is made."""

    shards: Mapping[str, Job]
    """Parts of it, by directory below the sweep's; none where it isn't divided."""
    run: Job
    """Puts its parts together, and makes whatever they lack."""


def sweep(
    asked: PlannedSweep,
    jobs_of: Callable[[PlannedRun], Jobs],
    out: Path,
    engine: Engine,
    *,
    identity: Mapping[str, JsonValue],
    controls: RunControls = DEFAULT_CONTROLS,
) -> SweepResult:
    """Makes the runs of `asked` in directories below `out`, and returns its sweep.json.

    What is made already is left alone, so a second call goes on, and one that asks for more makes what is
    new. `identity`: what all runs have in common; with another one StrataError is raised. A run that can't be made is an entry with its
    reason, and is tried again by the next call.
    """
    run = RunDirectory(out, verb="sweep", command=controls.command, identity=identity)
    controls.on_run(out)
    status = "stopped"
    try:
        run.manifest.options = dict(controls.options)
        missing = [planned for planned in asked.runs if not is_made(out / planned.key)]
        failures: dict[str, Failure] = {}

        def told(key: str, attempt: Attempt) -> None:
            if attempt.failure is not None:
                failures[key] = attempt.failure
            if attempt.trace:
                write_whole(out / _TRACES / f"{Path(key).name}.txt", attempt.trace)

        jobs = {planned.key: jobs_of(planned) for planned in missing}
        shards = {key: job for of_run in jobs.values() for key, job in of_run.shards.items()}
        if shards:
            with run.stage("shards"):
                # What a part could not make is made, or told, where the run is put together.
                engine.run(shards, lambda key, attempt: None, controls.progress)
        if jobs:
            with run.stage("runs"):
                engine.run({key: of_run.run for key, of_run in jobs.items()}, told, controls.progress)
        for planned in asked.runs:
            for key in planned.shard_keys if planned.key not in failures else ():
                shutil.rmtree(out / key, ignore_errors=True)
        with run.stage("trajectories"):
            rows: list[TrajectoryRow] = []
            for planned in asked.runs:
                if planned.key not in failures:
                    rows += trajectory_rows(planned, out / planned.key)
            run.write_rows(TRAJECTORIES, rows)
        result = SweepResult(
            run=run.run_id,
            axis=asked.axis,
            runs=tuple(_swept(planned, out / planned.key, failures.get(planned.key)) for planned in asked.runs),
        )
        run.write_json(SWEEP_FILE, result)
        status = "done"
        return result
    finally:
        run.close(status)


def is_made(directory: Path) -> bool:
    """Whether a run of the sweep is finished, its files are what it wrote, and its page is there."""
    try:
        return finished_run(directory).manifest.status == "done" and (directory / PAGE).exists()
    except StrataError:
        return False


def _swept(planned: PlannedRun, directory: Path, failure: Failure | None) -> SweptRun:
    return SweptRun(
        directory=planned.key,
        checkpoint=planned.checkpoint,
        at=planned.at,
        seed=planned.seed,
        framing=planned.framing,
        items=None if planned.items is None else str(planned.items),
        run_id=read_manifest(directory).run_id if failure is None else None,
        failure=failure,
    )
