"""Did training change what is answered, by kind and by family, read from the same prompts by every measure of an answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from strata.experiments.compare.measured_values import (
    DECIDING,
    MEASURED,
    decided_alike,
    estimated_change,
    values_of,
    with_measures,
)
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import Item, Kind
from strata.experiments.results.answer_measures import decided_by
from strata.experiments.results.comparison import AnswerChange, FamilyChange
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text

Rows = Sequence[Row]


def behaviour_change(
    rows: Mapping[Role, Rows], items: Sequence[Item], *, draws: int, seed: int
) -> tuple[dict[Kind, AnswerChange], list[FamilyChange]]:
    """(by kind, by family): every measure of an answer before and after, and which of them show a change.

    `accuracy` is the share answered right, by the measure that decides for an item (`decided_by` counts them, in the base).
    `rows`: the behaviour table of each model over the same items. Items that a model could not be asked are in none of the
    numbers; they are counted as `excluded`.
    """
    by_id = {role: {text(row, "item"): row for row in table} for role, table in rows.items()}
    kinds: dict[Kind, AnswerChange] = {}
    families = []
    for kind in dict.fromkeys(item.kind for item in items):
        of_kind = [item for item in items if item.kind == kind]
        kinds[kind] = _change(by_id, of_kind, draws=draws, seed=seed)
        for family in dict.fromkeys(item.family for item in of_kind):
            members = [item for item in of_kind if item.family == family]
            change = _change(by_id, members, draws=draws, seed=seed)
            families.append(FamilyChange(kind=kind, family=family, **dict(change)))
    return kinds, families


def _change(tables: Mapping[Role, Mapping[str, Row]], items: Sequence[Item], *, draws: int, seed: int) -> AnswerChange:
    clusters = [entity_of(item) for item in items]
    rows = {role: [table[item.id] for item in items] for role, table in tables.items()}
    values = {measure: {role: values_of(table, measure) for role, table in rows.items()} for measure in MEASURED}
    alike = decided_alike(list(rows.values()))
    values[DECIDING] = {role: np.where(alike, column, np.nan) for role, column in values[DECIDING].items()}
    asked = [all(row["answered"] is not None for row in of_item) for of_item in zip(*rows.values(), strict=True)]
    decided = decided_by(row for row, there in zip(rows[BASE], asked, strict=True) if there)
    counted = AnswerChange(items=len(items), asked=sum(asked), excluded=len(items) - sum(asked), decided_by=decided)
    return with_measures(
        counted,
        {
            measure: estimated_change(of_role, measure, clusters, draws=draws, seed=seed)
            for measure, of_role in values.items()
        },
    )


def answered_by_all(rows: Mapping[Role, Rows]) -> frozenset[str]:
    """Ids of the items that every model answers right and nothing else speaks against."""
    sets = [{text(row, "item") for row in table if row["answered"] and not row["reason"]} for table in rows.values()]
    return frozenset(set.intersection(*sets)) if sets else frozenset()
