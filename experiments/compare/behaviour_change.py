"""Did training change what is answered, by kind and by family, read from the same prompts by every measure of an answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from strata.experiments.compare.agreement_words import disagreement, shown_by
from strata.experiments.compare.format_change import next_tokens
from strata.experiments.compare.measure_agreement import agreement, claimed
from strata.experiments.compare.paired_estimates import BASE, Role, paired
from strata.experiments.items.schema import Item
from strata.experiments.locate.item_selection import entity_of
from strata.experiments.results.answer_measures import AGREEING, AnswerMeasure, decided_by, deciding, value_of

Rows = Sequence[Mapping[str, Any]]


def behaviour_change(
    rows: Mapping[Role, Rows], items: Sequence[Item], *, draws: int, seed: int
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """(by kind, by family): every measure of an answer before and after, and which of them show a change.

    Only a kind has `claimed`: 1 for a gain, −1 for a loss, 0 for neither.

    `accuracy` is the share answered right, by the measure that decides for an item (`decided_by` counts them, in the base).
    `rows`: the behaviour table of each model over the same items. Items that a model could not be asked are in none of the
    numbers; they are counted as `excluded`.
    """
    by_id = {role: {row["item"]: row for row in table} for role, table in rows.items()}
    kinds: dict[str, dict[str, Any]] = {}
    families = []
    for kind in dict.fromkeys(item.kind for item in items):
        of_kind = [item for item in items if item.kind == kind]
        kinds[kind] = _change(by_id, of_kind, draws=draws, seed=seed)
        # Claims are made of kinds only: the intervals of the many families are not corrected for their number.
        kinds[kind]["claimed"] = claimed(kinds[kind])
        for family in dict.fromkeys(item.family for item in of_kind):
            members = [item for item in of_kind if item.family == family]
            families.append({"kind": kind, "family": family, **_change(by_id, members, draws=draws, seed=seed)})
    return kinds, families


def _change(
    tables: Mapping[Role, Mapping[str, Mapping[str, Any]]], items: Sequence[Item], *, draws: int, seed: int
) -> dict[str, Any]:
    clusters = [entity_of(item) for item in items]
    rows = {role: [table[item.id] for item in items] for role, table in tables.items()}
    summary: dict[str, Any] = {"items": len(items)}
    summary["accuracy"] = paired(_answered_right(rows), clusters, draws=draws, seed=seed, shares=True)
    for measure in AGREEING:
        values = {role: _values(table, measure) for role, table in rows.items()}
        summary[measure.name] = paired(values, clusters, draws=draws, seed=seed, shares=measure.is_share)
    asked = [all(row["answered"] is not None for row in of_item) for of_item in zip(*rows.values(), strict=True)]
    summary["decided_by"] = decided_by(row for row, there in zip(rows[BASE], asked, strict=True) if there)
    summary |= {"asked": sum(asked), "excluded": len(items) - sum(asked)}
    agreement_entries = {
        "agreement": agreement(summary),
        "disagreement": disagreement(summary),
        "shown_by": shown_by(summary),
    }
    return summary | {"next_token": next_tokens(rows), **agreement_entries}


def _answered_right(rows: Mapping[Role, Rows]) -> dict[Role, Float[np.ndarray, " item"]]:
    """What decides for an item may differ between tokenizers: such an item's answers can't be paired."""
    deciders = [{deciding(row) for row in of_item} for of_item in zip(*rows.values(), strict=True)]
    return {
        role: np.array([_number(row["answered"]) if len(by) == 1 else np.nan for row, by in zip(table, deciders, strict=True)])
        for role, table in rows.items()
    }  # fmt: skip


def _values(rows: Rows, measure: AnswerMeasure) -> Float[np.ndarray, " item"]:
    return np.array([_number(value_of(row, measure)) for row in rows])


def _number(value: float | bool | None) -> float:
    return float("nan") if value is None else float(value)


def answered_by_all(rows: Mapping[Role, Rows]) -> frozenset[str]:
    """Ids of the items that every model answers right and nothing else speaks against."""
    sets = [{row["item"] for row in table if row["answered"] and not row["reason"]} for table in rows.values()]
    return frozenset(set.intersection(*sets)) if sets else frozenset()
