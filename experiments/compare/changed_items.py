"""Which items does training change? Answered by one model and not by the other, and whether another way of asking brings it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from strata.experiments.items.round_robin import round_robin
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text

Became = Literal["lost", "format", "gained", "kept", "unanswered", "unpaired"]
"""`format`: lost as asked, and answered in another way of asking."""
MAPS_A_DRAWN_ONE = 4
"""Lens maps of changed items for each that a rule would keep, at most."""


def answered_otherwise(rows: Mapping[Role, Sequence[Row]]) -> list[str]:
    """Ids of the items that another model answers otherwise than the base, kinds in turn; the behaviour table of each model."""
    by_item: dict[str, dict[Role, bool]] = {}
    changed: dict[str, str] = {}
    for role, table in rows.items():
        for row in table:
            if row["answered"] is not None:
                by_item.setdefault(text(row, "item"), {})[role] = bool(row["answered"])
    for row in rows.get(BASE, ()):
        answers = by_item.get(text(row, "item"), {})
        if len(set(answers.values())) > 1:
            changed[text(row, "item")] = text(row, "kind")
    return round_robin(changed, changed.__getitem__)


def became_of(base: bool | None, distilled: bool | None, elsewhere: bool | None) -> Became:
    """What training made of an item, from who answers it as asked; `elsewhere`: the distilled model in any other way of asking."""
    if base is None or distilled is None:
        return "unpaired"
    if base and not distilled:
        return "format" if elsewhere else "lost"
    if distilled:
        return "kept" if base else "gained"
    return "unanswered"
