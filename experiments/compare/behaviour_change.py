"""Did training change what is answered, by kind and by family, read from the likelihoods of the same prompts?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments.compare.paired import Role, paired
from experiments.items.schema import Item
from experiments.locate.questions import entity_of

Rows = Sequence[Mapping[str, Any]]
MEASURES = {"accuracy": "answered", "logit_difference": "logit_difference", "answer_logprob": "answer_logprob"}


def behaviour_change(
    rows: Mapping[Role, Rows], items: Sequence[Item], *, draws: int, seed: int
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """(by kind, by family): accuracy, logit difference and log-probability of the answer, before and after.

    `rows`: the behaviour table of each model over the same items. Items that a model could not be asked are in none of the
    numbers; they are counted as `left_out`.
    """
    by_id = {role: {row["item"]: row for row in table} for role, table in rows.items()}
    kinds: dict[str, dict[str, Any]] = {}
    families = []
    for kind in dict.fromkeys(item.kind for item in items):
        of_kind = [item for item in items if item.kind == kind]
        kinds[kind] = _change(by_id, of_kind, draws=draws, seed=seed)
        for family in dict.fromkeys(item.family for item in of_kind):
            members = [item for item in of_kind if item.family == family]
            families.append({"kind": kind, "family": family, **_change(by_id, members, draws=draws, seed=seed)})
    return kinds, families


def _change(
    rows: Mapping[Role, Mapping[str, Mapping[str, Any]]], items: Sequence[Item], *, draws: int, seed: int
) -> dict[str, Any]:
    clusters = [entity_of(item) for item in items]
    found: dict[str, Any] = {"items": len(items)}
    for name, column in MEASURES.items():
        values = {role: np.array([_number(table[item.id][column]) for item in items]) for role, table in rows.items()}
        found[name] = paired(values, clusters, draws=draws, seed=seed)
    asked = [all(table[item.id]["answered"] is not None for table in rows.values()) for item in items]
    return found | {"asked": sum(asked), "left_out": len(items) - sum(asked)}


def _number(value: float | bool | None) -> float:
    return float("nan") if value is None else float(value)


def answered_by_all(rows: Mapping[Role, Rows]) -> frozenset[str]:
    """Ids of the items that every model answers and nothing else speaks against."""
    sets = [{row["item"] for row in table if row["answered"] and not row["reason"]} for table in rows.values()]
    return frozenset(set.intersection(*sets)) if sets else frozenset()
