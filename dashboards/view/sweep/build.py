"""What does the page of a `sweep` show? The same quantity of every run along the axis, by kind and by family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.shown_names import shown_name
from strata.dashboards.sentences.sweep import (
    ACCURACY,
    CELLS_EFFECT,
    DEPTH,
    RUN_FAILED,
    WHOLE_KIND,
    at_words,
    axis_words,
    line_name,
    made_words,
    qualified,
    state_words,
    sweep_caveats,
    sweep_title,
    trajectory_sentences,
)
from strata.dashboards.view.provenance import code_words, from_manifest, shown_facts
from strata.dashboards.view.schema_parts import Coded, Provenance, RunHead
from strata.dashboards.view.sweep.schema import (
    SWEEP_VIEW_SCHEMA,
    AxisView,
    SweepView,
    SweptRunView,
    TrajectoryLine,
    TrajectoryPanel,
    TrajectoryView,
)
from strata.dashboards.visible_text import without_paths
from strata.experiments.items.schema import KINDS
from strata.experiments.results.sweep import SweepResult, SweptRun
from strata.experiments.results.sweep_tables import SWEEP_TABLES, TRAJECTORIES, Measure, TrajectoryRow
from strata.experiments.run.files import check_run, read_manifest
from strata.experiments.run.finished import SWEEP, finished_run
from strata.experiments.run.listing import PAGE
from strata.experiments.run.summary_file import sweep_result_of
from strata.probes.checkpoints.spec import parse_dose
from strata.probes.errors import StrataError

_MEASURES: dict[TrajectoryView, tuple[Measure, ...]] = {
    "accuracy": ("accuracy",),
    "depths": ("onset.probe", "onset.lens", "place"),
    "cells": ("effect",),
}
_Y: dict[TrajectoryView, str] = {"accuracy": ACCURACY, "depths": DEPTH, "cells": CELLS_EFFECT}
_FAR_APART = 30.0
"""Ratio of the largest to the smallest value from which on an axis is logarithmic."""
Subject = tuple[str, str | None]
"""Kind, and family or None."""


def build_sweep_view(run_dir: Path) -> SweepView:
    """Everything the page shows, from the sweep's table. Raises StrataError for a missing or changed file."""
    result = sweep_result_of(finished_run(run_dir).result)
    manifest = read_manifest(run_dir)
    check_run(run_dir, manifest, [table.name for table in SWEEP_TABLES], (SWEEP,))
    rows = TRAJECTORIES.read(pq.read_table(run_dir / f"{TRAJECTORIES.name}.parquet").to_pylist())
    rows = [row for row in rows if row.at is not None]
    badges = [Coded(code="limited", text=RUN_FAILED)] if result.failed else []
    facts = shown_facts([("run", manifest.run_id), ("started", manifest.started), ("code", code_words(manifest))])
    return SweepView(
        schema=SWEEP_VIEW_SCHEMA,
        run=RunHead(run_id=manifest.run_id, title=sweep_title(result), started=manifest.started, badges=tuple(badges)),
        axis=_axis(result),
        sentences=(made_words(result), *trajectory_sentences(rows)),
        panels=tuple(_panels(rows, result)),
        runs=tuple(_run(run, result) for run in result.runs),
        warnings=sweep_caveats(result),
        provenance=Provenance(facts=facts, **vars(from_manifest(manifest))),
        sizes={},
    )


def _axis(result: SweepResult) -> AxisView:
    axis = result.axis
    values = [run.at for run in result.runs if run.at is not None]
    ticks = {run.at: _label(run.checkpoint) for run in result.runs if run.at is not None}
    return AxisView(
        kind=axis.kind,
        name=axis.name,
        label=axis_words(axis),
        logarithmic=bool(values) and min(values) > 0 and max(values) / min(values) >= _FAR_APART,
        ticks=tuple(sorted(ticks.items())) if axis.kind == "order" else (),
    )


def _panels(rows: Sequence[TrajectoryRow], result: SweepResult) -> Iterator[TrajectoryPanel]:
    for view, measures in _MEASURES.items():
        of_view = [row for row in rows if row.measure in measures]
        for subject in _subjects(of_view, families=view != "accuracy"):
            kind, family = subject
            # Accuracies of a kind stand beside those of its families.
            members = [row for row in of_view if row.kind == kind and (view == "accuracy" or row.family == family)]
            yield TrajectoryPanel(
                view=view,
                subject=kind if family is None else f"{kind}/{family}",
                label=f"{kind}: {WHOLE_KIND}" if family is None else f"{kind}: {family}",
                y=_Y[view],
                shares=view != "cells",
                lines=tuple(_lines(members, rows, result)),
            )


def _subjects(rows: Sequence[TrajectoryRow], *, families: bool) -> list[Subject]:
    """Kinds in their order, each followed by its families."""
    held = dict.fromkeys((row.kind, row.family) for row in rows)
    return [
        subject
        for kind in KINDS
        for subject in sorted(
            (each for each in held if each[0] == kind), key=lambda each: (each[1] is not None, each[1])
        )
        if families or subject[1] is None
    ]


def _lines(
    members: Sequence[TrajectoryRow], rows: Sequence[TrajectoryRow], result: SweepResult
) -> Iterator[TrajectoryLine]:
    """A quantity, seed, framing and item file a line; a place that moves to another cell stays on its line, and says so.

    Where a run of `rows`, those of the whole sweep, holds nothing of it, the line is broken.
    """
    groups: dict[tuple[object, ...], list[TrajectoryRow]] = {}
    for row in members:
        cell = row.cell if row.measure == "effect" else None
        groups.setdefault((row.family, row.measure, cell, row.seed, row.framing, row.items), []).append(row)
    for group in groups.values():
        first = group[0]
        runs = {row.run: row for row in rows if _asked_alike(row, first)}
        known = {row.run: row for row in group}
        points = [(runs[run], known.get(run)) for run in sorted(runs, key=lambda run: runs[run].at or 0.0)]
        yield TrajectoryLine(
            name=qualified(line_name(first), first, result),
            at=tuple(run.at or 0.0 for run, _ in points),
            checkpoints=tuple(_label(run.checkpoint) for run, _ in points),
            mean=tuple(None if row is None else significant(row.value) for _, row in points),
            low=tuple(None if row is None else significant(row.low) for _, row in points),
            high=tuple(None if row is None else significant(row.high) for _, row in points),
            items=tuple(None if row is None else row.n_items for _, row in points),
            clusters=tuple(None if row is None else row.n_clusters for _, row in points),
            says=tuple("" if row is None else row.cell or "" for _, row in points) if first.measure == "place" else (),
            method=first.method or "",
        )


def _asked_alike(row: TrajectoryRow, other: TrajectoryRow) -> bool:
    return (row.seed, row.framing, row.items) == (other.seed, other.framing, other.items)


def _run(run: SweptRun, result: SweepResult) -> SweptRunView:
    return SweptRunView(
        checkpoint=_label(run.checkpoint),
        at=at_words(result.axis, run.at),
        seed=run.seed,
        framing=run.framing,
        item_file=str(without_paths(run.items or "")),
        state=str(without_paths(state_words(run))),
        done=run.done,
        href=quote(f"{run.directory}/{PAGE}") if run.done else "",
    )


def _label(checkpoint: str) -> str:
    """Without the paths of a machine; of a dose either end by itself."""
    try:
        dose = parse_dose(checkpoint)
    except StrataError:
        dose = None
    if dose is not None:
        return f"{_label(dose.base)}~{dose.share:g}~{_label(dose.distilled)}"
    return shown_name(str(without_paths(checkpoint)).removeprefix("…/"))
