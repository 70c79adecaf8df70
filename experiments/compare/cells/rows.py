"""Rows of the tables `cell_changes` and `place_changes`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from strata.experiments.compare.cells.claims import Corrected, moved_p
from strata.experiments.compare.cells.effect_changes import WHOLE, EffectChanges
from strata.experiments.compare.cells.measured_in_two import FamilyName
from strata.experiments.compare.cells.paired_families import PairedFamilies
from strata.experiments.compare.cells.place_changes import PlaceChange
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.cell_changes import Answered
from strata.experiments.results.comparison_tables import CellChangeRow, PlaceChangeRow
from strata.experiments.results.families import FamilyResult, Place
from strata.experiments.results.families import Role as CellRole
from strata.experiments.results.family_names import result_of
from strata.experiments.results.record import Measured
from strata.experiments.results.roles import CHANGES, Contrast, Role
from strata.experiments.statistics.family_samples import mean_of_families
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of

SHARED, OWN = "shared", "own"
_PAIRED = "difference of ratios of cluster means, the same draws in both models; cluster bootstrap, {} draws, 95%"
_MEAN = "mean over families; families and clusters resampled, 95%"
_UNPAIRED = "difference of two models, each on its own pairs; intervals of both combined (MOVER), 95%"
_FIRST: tuple[CellRole, ...] = ("makes", "in-part", "relays", "prepares", "open")
"""Which role of several loci a cell is called by."""


def role_of(result: FamilyResult, cell: Cell) -> CellRole | None:
    """What a cell does; None: it has no locus."""
    roles = {locus.role for locus in result.loci if locus.cell == cell}
    return next((role for role in _FIRST if role in roles), None)


@dataclass(frozen=True)
class ContrastRows:
    """One contrast's changes as rows."""

    contrast: Contrast
    paired: PairedFamilies
    effects: Mapping[FamilyName, EffectChanges]
    p: Corrected

    def rows(self) -> Iterator[CellChangeRow]:
        """Of shared pairs by family and as means of kinds, then of own pairs."""
        for name, change in self.effects.items():
            yield from self._family(name, change)
        for kind in KINDS:
            members = [change for (of_kind, _), change in self.effects.items() if of_kind == kind]
            for cell in CELLS:
                yield from self._kind(kind, cell, [change for change in members if cell in change.cells])
        yield from self._own()

    def _names(self, name: FamilyName, cell: Cell, span: str | None, pairs: str) -> CellChangeRow:
        return CellChangeRow(
            contrast=self.contrast, pairs=pairs, kind=name[0], family=name[1], cell=cell, component=component_of(cell),
            position=(span or "span") if at_span(cell) else "last",
        )  # fmt: skip

    def _family(self, name: FamilyName, change: EffectChanges) -> Iterator[CellChangeRow]:
        before, after = (
            [analysis.result for analysis in self.paired.analyses(self.contrast, name)]
            if self.contrast != "difference_in_differences"
            else (None, None)
        )
        span = self.paired.models[CHANGES[self.contrast][1]].measured[name].result.span
        for cell in change.cells:
            for block in (WHOLE, *range(change.before.by_draw[cell].shape[1])):
                blocks = None if block == WHOLE else [block]
                one, other = change.values(cell, blocks)
                yield CellChangeRow(
                    **self._names(name, cell, span, SHARED), block=None if block == WHOLE else block, before=one,
                    after=other, **_ends(change.difference(cell, blocks)), p=self.p[name].get((cell, block)),
                    role_before=None if before is None else role_of(before, cell),
                    role_after=None if after is None else role_of(after, cell),
                    n_pairs=len(change.drawn.clusters), n_clusters=change.drawn.weights.shape[1],
                    method=_PAIRED.format(len(change.drawn.weights) - 1),
                )  # fmt: skip

    def _kind(self, kind: Kind, cell: Cell, members: list[EffectChanges]) -> Iterator[CellChangeRow]:
        if not members:
            return
        for block in (WHOLE, *range(members[0].before.by_draw[cell].shape[1])):
            blocks = None if block == WHOLE else [block]
            drawn = [
                change.by_block(cell).sum(axis=1) if blocks is None else change.by_block(cell)[:, block]
                for change in members
            ]
            sampled = mean_of_families(drawn, seed=self.paired.drawing.seed)
            sides = np.array([change.values(cell, blocks) for change in members]).mean(axis=0)
            low, high = sampled.interval()
            yield CellChangeRow(
                contrast=self.contrast, pairs=SHARED, kind=kind, family=None, cell=cell, component=component_of(cell),
                position="span" if at_span(cell) else "last", block=None if block == WHOLE else block,
                before=float(sides[0]), after=float(sides[1]), difference=sampled.value, low=low, high=high,
                n_pairs=sum(len(change.drawn.clusters) for change in members), n_clusters=len(members), method=_MEAN,
            )  # fmt: skip

    def _own(self) -> Iterator[CellChangeRow]:
        upper, lower = (self.paired.models[role] for role in CHANGES[self.contrast])
        for name in lower.measured:
            one, other = result_of(lower.families, *name), result_of(upper.families, *name)
            if one is None or other is None:
                continue
            for cell in CELLS:
                if cell not in one.cells or cell not in other.cells:
                    continue
                before, after = one.cells[cell].effect, other.cells[cell].effect
                if before is not None and after is not None:
                    yield CellChangeRow(
                        **self._names(name, cell, other.span, OWN), block=None, before=before.value, after=after.value,
                        **_ends(_apart(before, after)), role_before=role_of(one, cell), role_after=role_of(other, cell),
                        n_pairs=other.pairs, n_clusters=other.entities, method=_UNPAIRED,
                    )  # fmt: skip


def _apart(before: Measured, after: Measured) -> Measured:
    """Interval of a difference of two independent numbers from theirs (Zou and Donner 2008)."""
    value = after.value - before.value
    if before.interval is None or after.interval is None:
        return Measured(value=value)
    down = np.hypot(after.value - after.interval[0], before.interval[1] - before.value)
    up = np.hypot(after.interval[1] - after.value, before.value - before.interval[0])
    return Measured(value=value, interval=(value - float(down), value + float(up)))


def _ends(measured: Measured) -> CellChangeRow:
    low, high = measured.interval or (None, None)
    return CellChangeRow(difference=measured.value, low=low, high=high)


def place_rows(
    role: Role, contrast: Contrast, paired: PairedFamilies, places: Mapping[FamilyName, PlaceChange],
    answered: Mapping[FamilyName, Answered],
) -> Iterator[PlaceChangeRow]:  # fmt: skip
    """Every family that both models were asked: on shared pairs where it can be, and on each model's own."""
    upper, lower = (paired.models[model] for model in CHANGES[contrast])
    p = moved_p(places)
    for name, counts in answered.items():
        kind, family = name
        why = paired.why_not(contrast, name)
        common = PlaceChangeRow(
            contrast=role, kind=kind, family=family, answered_both=counts.both, only_before=counts.only_before,
            only_after=counts.only_after, neither=counts.neither, unpaired=why,
        )  # fmt: skip
        if why is None:
            before, after = (analysis.result for analysis in paired.analyses(contrast, name))
            row = PlaceChangeRow(
                **common, pairs=SHARED, **_place_before(before.place), **_place_after(after.place),
                n_pairs=after.pairs, n_clusters=after.entities,
            )  # fmt: skip
            change = places.get(name)
            if change is not None:
                low, high = change.shift.interval or (None, None)
                row |= PlaceChangeRow(shift=change.shift.value, low=low, high=high, overlap=change.overlap, p=p[name])
            yield row
        one, other = result_of(lower.families, *name), result_of(upper.families, *name)
        if one is not None and other is not None:
            yield PlaceChangeRow(
                **common, pairs=OWN, **_place_before(one.place), **_place_after(other.place),
                n_pairs=other.pairs, n_clusters=other.entities,
            )  # fmt: skip


def _place_before(place: Place | None) -> PlaceChangeRow:
    if place is None:
        return PlaceChangeRow()
    return PlaceChangeRow(cell_before=place.cell, first_before=place.first, last_before=place.last)


def _place_after(place: Place | None) -> PlaceChangeRow:
    if place is None:
        return PlaceChangeRow()
    return PlaceChangeRow(cell_after=place.cell, first_after=place.first, last_after=place.last)
