"""What does each run of a sweep say that can be followed along its axis? Accuracies, onsets, places and cell effects, with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from strata.experiments.items.entity import entity_of
from strata.experiments.items.jsonl import read_items
from strata.experiments.results.families import CellResult
from strata.experiments.results.kinds import CellOfKind
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.locate_tables import BEHAVIOUR, LOCATIONS
from strata.experiments.results.sweep_tables import Measure, TrajectoryRow
from strata.experiments.run.files import table_of
from strata.experiments.run.summary_file import read_summary
from strata.experiments.sweep.planned_runs import PlannedRun
from strata.probes.interventions.cells import Cell
from strata.probes.statistics.bootstrap import Estimate
from strata.probes.statistics.share import cluster_share

_ONSETS: Mapping[str, Measure] = {"probe.linear": "onset.probe", "lens.logit": "onset.lens"}
"""Instruments of the locations table."""
_OF_PLACE = "middle block of where the answer is made; cluster bootstrap of the whole rule"
_OF_EFFECT = "mean of denoise and noise of the whole cell; interval over clusters, of a kind over families"


@dataclass(frozen=True)
class _Number:
    """One value of a run."""

    kind: str
    family: str | None
    measure: Measure
    value: float | None
    low: float | None
    high: float | None
    method: str
    cell: Cell | None = None
    n_items: int | None = None
    n_clusters: int | None = None


def trajectory_rows(planned: PlannedRun, directory: Path) -> list[TrajectoryRow]:
    """Rows of one finished `locate` in `directory`. Raises DamagedError where a file isn't what it wrote."""
    summary = read_summary(directory)
    numbers = [*_accuracies(summary, directory), *_onsets(summary, directory), *_places(summary), *_effects(summary)]
    return [
        TrajectoryRow(
            run=planned.key, checkpoint=planned.checkpoint, at=planned.at, seed=planned.seed, framing=planned.framing,
            items=None if planned.items is None else str(planned.items), **vars(number),
        )
        for number in numbers
    ]  # fmt: skip


def _accuracies(summary: Summary, directory: Path) -> Iterator[_Number]:
    for family in summary.families.values():
        yield _share(family.behaviour.kind, family.behaviour.family, family.behaviour.accuracy)
    entities = {item.id: entity_of(item) for item in read_items(directory / "items.jsonl")}
    asked: dict[str, list[tuple[bool, str]]] = defaultdict(list)
    for row in BEHAVIOUR.rows(table_of(directory, BEHAVIOUR.name)):
        if row.answered is not None:
            asked[row.kind].append((row.answered, entities[row.item]))
    for kind, answers in asked.items():
        yield _share(kind, None, cluster_share([right for right, _ in answers], [entity for _, entity in answers]))


def _share(kind: str, family: str | None, share: Estimate) -> _Number:
    return _Number(
        kind,
        family,
        "accuracy",
        share.value,
        share.low,
        share.high,
        share.method,
        None,
        share.n_items,
        share.n_clusters,
    )


def _onsets(summary: Summary, directory: Path) -> Iterator[_Number]:
    n_layers = summary.n_layers
    for row in LOCATIONS.rows(table_of(directory, LOCATIONS.name)):
        if row.instrument in _ONSETS:
            low, high = (None if end is None else end / n_layers for end in (row.low, row.high))
            yield _Number(
                row.kind, row.family, _ONSETS[row.instrument], row.depth, low, high, row.method or "", None, row.n
            )


def _places(summary: Summary) -> Iterator[_Number]:
    def depth(block: int) -> float:
        return (block + 0.5) / summary.n_layers

    for kind, of_kind in summary.kinds.items():
        located = of_kind.located
        if located is not None:
            low, high = map(depth, located.interval)
            yield _Number(kind, None, "place", located.depth, low, high, _OF_PLACE, located.cell)
    for family in summary.families.values():
        if family.place is not None:
            low, high = map(depth, family.place.interval)
            yield _Number(
                family.kind, family.behaviour.family, "place", family.place.depth, low, high, _OF_PLACE, family.place.cell,
                None, family.entities,
            )  # fmt: skip


def _effects(summary: Summary) -> Iterator[_Number]:
    for kind, of_kind in summary.kinds.items():
        yield from _of_cells(kind, None, of_kind.cells, None)
    for family in summary.families.values():
        yield from _of_cells(family.kind, family.behaviour.family, family.cells, family.entities)


def _of_cells(
    kind: str, family: str | None, cells: Mapping[Cell, CellOfKind] | Mapping[Cell, CellResult], clusters: int | None
) -> Iterator[_Number]:
    for cell, result in cells.items():
        if result.effect is not None:
            low, high = result.effect.interval or (None, None)
            yield _Number(kind, family, "effect", result.effect.value, low, high, _OF_EFFECT, cell, None, clusters)
