"""Did training change what is answered, by kind and by family, read from the same prompts by every measure of an answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.format_change import next_tokens
from strata.experiments.compare.measure_agreement import agreement
from strata.experiments.compare.paired_estimates import paired
from strata.experiments.items.schema import Item, Kind
from strata.experiments.locate.item_selection import entity_of
from strata.experiments.results.answer_measures import AGREEING, AnswerMeasure, decided_by, deciding, value_of
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
    measures = {"accuracy": paired(_answered_right(rows), clusters, draws=draws, seed=seed, shares=True)}
    for measure in AGREEING:
        values = {role: _values(table, measure) for role, table in rows.items()}
        measures[measure.name] = paired(values, clusters, draws=draws, seed=seed, shares=measure.is_share)
    asked = [all(row["answered"] is not None for row in of_item) for of_item in zip(*rows.values(), strict=True)]
    decided = decided_by(row for row, there in zip(rows[BASE], asked, strict=True) if there)
    counted = AnswerChange(
        items=len(items), asked=sum(asked), excluded=len(items) - sum(asked), decided_by=decided,
        next_token=next_tokens(rows),
    )  # fmt: skip
    change = counted.model_copy(update=measures)
    return change.model_copy(update={"agreement": agreement(change)})


def _answered_right(rows: Mapping[Role, Rows]) -> dict[Role, Float[np.ndarray, " item"]]:
    """What decides for an item may differ between tokenizers: such an item's answers can't be paired."""
    deciders = [{deciding(row) for row in of_item} for of_item in zip(*rows.values(), strict=True)]
    return {
        role: np.array([_answered(row) if len(by) == 1 else np.nan for row, by in zip(table, deciders, strict=True)])
        for role, table in rows.items()
    }  # fmt: skip


def _values(rows: Rows, measure: AnswerMeasure) -> Float[np.ndarray, " item"]:
    return np.array([_number(value_of(row, measure)) for row in rows])


def _answered(row: Row) -> float:
    return float("nan") if row["answered"] is None else float(bool(row["answered"]))


def _number(value: float | bool | None) -> float:
    return float("nan") if value is None else float(value)


def answered_by_all(rows: Mapping[Role, Rows]) -> frozenset[str]:
    """Ids of the items that every model answers right and nothing else speaks against."""
    sets = [{text(row, "item") for row in table if row["answered"] and not row["reason"]} for table in rows.values()]
    return frozenset(set.intersection(*sets)) if sets else frozenset()
