"""Which items should a reader look at first? Those that gain most and least where their kind's answers are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import numpy as np

from strata.dashboards.sentences.look_next import gains_least, gains_most, look_at
from strata.dashboards.view.schema_effects import CellEffects, ItemEffects
from strata.dashboards.view.schema_places import ItemToLookAt, LookNext
from strata.dashboards.view.schema_readings import ItemColumns
from strata.experiments.items.schema import KINDS
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import Localisation
from strata.probes.interventions.cells import Cell

_BESIDE = ("control", "composite")
"""Kinds that the verdict doesn't speak of."""


def look_next(localisation: Localisation | None, effects: ItemEffects, items: ItemColumns) -> tuple[LookNext, ...]:
    """By kind: in the blocks where it is made, or where the surest of its families is; none where no item has effects there."""
    if localisation is None:
        return ()
    by_cell = {part.cell: part for part in effects.cells}
    asked = [kind for kind in KINDS if kind in localisation.kinds]
    kinds = [kind for kind in asked if kind not in _BESIDE] or asked
    return tuple(found for kind in kinds for found in _of_kind(kind, localisation, by_cell, effects.step, items))


def _of_kind(
    kind: str, localisation: Localisation, by_cell: Mapping[Cell, CellEffects], step: float, items: ItemColumns
) -> Iterator[LookNext]:
    located = localisation.kinds[kind].located
    placed = {name: family for name, family in localisation.families.items() if family.kind == kind and family.place}
    name = None if located is not None or not placed else max(placed, key=lambda one: _support(placed[one]))
    place = placed[name].place if name is not None else located
    if place is None or place.cell not in by_cell:
        return
    gained = {
        item: step * sum(row[place.first : place.last + 1])
        for item, of, family, reason, row in zip(
            items.item, items.kind, items.family, items.reason, by_cell[place.cell].gained, strict=True
        )
        if row is not None and not reason and of == kind and name in (None, family)
    }
    if len(gained) < 2:
        return
    order = np.argsort(list(gained.values()), kind="stable")
    most, least = (list(gained)[order[end]] for end in (-1, 0))
    among = {"family": name} if name is not None else {"ikind": kind}
    where = {
        **among,
        "metric": "rank",
        "stream": place.last + 1,
        "lo": place.first,
        "hi": place.last,
        "cell": place.cell,
    }
    span = next(iter(placed.values())).span if name is None else placed[name].span
    yield LookNext(
        where=look_at(kind, name, place, span),
        items=tuple(
            ItemToLookAt(item=item, says=says(gained[item]), link=f"#{urlencode({'item': item, **where})}")
            for item, says in ((most, gains_most), (least, gains_least))
        ),
    )


def _support(family: FamilyResult) -> float:
    return 0.0 if family.place is None else family.place.support
