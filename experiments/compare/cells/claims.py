"""Which cells and places are said to have changed? Corrected for everything that was tested, and only beyond the control's change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strata.experiments.compare.cells.effect_changes import Column, EffectChanges
from strata.experiments.compare.cells.measured_in_two import FamilyName
from strata.experiments.compare.cells.place_changes import PlaceChange
from strata.experiments.compare.cells.place_moved import NEARLY_ALL, place_moved
from strata.experiments.results.cell_changes import ChangedBlock, ChangedCell, ChangedPlace
from strata.experiments.results.record import Measured
from strata.experiments.statistics.holm import holm, holm_over_groups
from strata.experiments.statistics.significance import ALPHA
from strata.probes.interventions.cells import Cell

Effects = Mapping[FamilyName, EffectChanges]
Spans = Mapping[FamilyName, str | None]
Corrected = dict[FamilyName, dict[Column, float]]


def corrected_p(effects: Effects) -> Corrected:
    """p of every column of every family: max-T within a family, Holm over families."""
    groups = holm_over_groups([list(change.p.values()) for change in effects.values()])
    return {
        name: dict(zip(change.p, group, strict=True))
        for (name, change), group in zip(effects.items(), groups, strict=True)
    }


@dataclass(frozen=True)
class ClaimedCells:
    """Cells that changed beyond the control's change, and how many changed without that."""

    changed: tuple[ChangedCell, ...]
    not_beyond: int


def changed_cells(effects: Effects, beyond: Effects | None, spans: Spans) -> ClaimedCells:
    """`beyond`: the same families against the control; None: there is no control to hold a change against."""
    corrected = corrected_p(effects)
    against = None if beyond is None else corrected_p(beyond)
    changed: list[ChangedCell] = []
    not_beyond = 0
    for name, change in effects.items():
        for cell in change.cells:
            columns = _claimed(change, corrected[name], cell)
            if not columns:
                continue
            if beyond is None or against is None:
                changed.append(_changed(name, change, columns, corrected[name], None, spans[name]))
                continue
            also = _claimed(beyond[name], against[name], cell) if name in beyond else {}
            kept = {column: sign for column, sign in columns.items() if also.get(column) == sign}
            if kept:
                less = beyond[name].difference(cell)
                changed.append(_changed(name, change, kept, corrected[name], less, spans[name]))
            else:
                not_beyond += 1
    return ClaimedCells(tuple(changed), not_beyond)


def _claimed(change: EffectChanges, corrected: Mapping[Column, float], cell: Cell) -> dict[Column, int]:
    """Sign of the change in every column of a cell in which one is shown."""
    return {
        column: 1 if change.column(column).value > 0 else -1
        for column, p in corrected.items()
        if column[0] == cell and p <= ALPHA
    }


def _changed(
    name: FamilyName, change: EffectChanges, columns: Mapping[Column, int], corrected: Mapping[Column, float],
    less: Measured | None, span: str | None,
) -> ChangedCell:  # fmt: skip
    kind, family = name
    cell = next(iter(columns))[0]
    before, after = change.values(cell)
    blocks = []
    for of_cell, block in columns:
        if block >= 0:
            one, other = change.values(of_cell, [block])
            blocks.append(ChangedBlock(block=block, before=one, after=other))
    return ChangedCell(
        kind=kind, family=family, span=span, cell=cell, whole=any(block < 0 for _, block in columns),
        blocks=tuple(blocks), before=before, after=after, difference=change.difference(cell),
        p=min(corrected[column] for column in columns), beyond_control=less,
    )  # fmt: skip


def moved_p(places: Mapping[FamilyName, PlaceChange]) -> dict[FamilyName, float]:
    """p of an overlap of the two places of each family, Holm over families."""
    return dict(zip(places, holm([change.p for change in places.values()]), strict=True))


def moved_places(places: Mapping[FamilyName, PlaceChange], spans: Spans) -> tuple[ChangedPlace, ...]:
    """Families whose answer is made elsewhere."""
    return tuple(
        ChangedPlace(
            kind=name[0], family=name[1], span=spans[name], before=places[name].before, after=places[name].after,
            overlap=places[name].overlap, shift=places[name].shift, p=p,
        )
        for name, p in moved_p(places).items()
        if place_moved(p, places[name].overlap) == "elsewhere"
    )  # fmt: skip


def stayed(places: Mapping[FamilyName, PlaceChange]) -> int:
    """How many places overlap in nearly all draws."""
    return sum(change.overlap >= NEARLY_ALL for change in places.values())
