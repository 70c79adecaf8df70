"""On which pairs are compared models intervened? On the same ones, as far as they can answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.experiments.compare.behaviour_change import answered_by_all
from strata.experiments.compare.paired import BASE, CONTROL, Role
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.choose import Chosen, choose_pairs
from strata.experiments.locate.config import LocateConfig

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class SharedPairs:
    """What may be intervened on in one of several compared models."""

    among: frozenset[str]
    """Ids of the items that are eligible at all."""
    like: Chosen | None = None
    """What was chosen in another one of the models, where only that is eligible."""


def eligible(
    encoded: Sequence[EncodedItem], rows: Mapping[Role, Rows], comparable: Sequence[Role], config: LocateConfig
) -> dict[Role, SharedPairs]:
    """What may be intervened on, by model of `comparable`, the base among them.

    Base and distilled: what both answer. Control: those of the base's pairs that it answers too, with the same donors. A
    control that has lost what the two others can do would otherwise leave nothing to compare them by.
    """
    two = [role for role in comparable if role != CONTROL]
    by_role = dict.fromkeys(two, SharedPairs(answered_by_all({role: rows[role] for role in two})))
    if CONTROL in comparable:
        of_base = chosen(encoded, rows[BASE], by_role[BASE], config)
        by_role[CONTROL] = SharedPairs(frozenset(item.key for item in of_base.items), of_base)
    return by_role


def chosen(encoded: Sequence[EncodedItem], rows: Rows, shared: SharedPairs, config: LocateConfig) -> Chosen:
    """The pairs that `locate` intervenes on in the model of `rows`, given what is eligible."""
    return choose_pairs(encoded, rows, config.pairs, config.seed, among=shared.among, like=shared.like)
