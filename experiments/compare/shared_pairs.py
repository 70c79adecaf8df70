"""On which pairs are compared models intervened? On the same ones, as far as they can answer them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.compare.behaviour_change import answered_by_all
from experiments.compare.paired import BASE, TWIN, Role
from experiments.items.alignment import EncodedItem
from experiments.locate.causal.choose import Chosen, choose_pairs
from experiments.locate.config import LocateConfig

Rows = Sequence[Mapping[str, Any]]


def eligible(
    encoded: Sequence[EncodedItem], rows: Mapping[Role, Rows], comparable: Sequence[Role], config: LocateConfig
) -> dict[Role, frozenset[str]]:
    """Ids of the items that may be intervened on, by model of `comparable`, the base among them.

    Base and distilled: what both answer. Twin: those of the base's pairs that it answers too. A twin that has lost what the
    two others can do would otherwise leave nothing to compare them by.
    """
    two = [role for role in comparable if role != TWIN]
    found = dict.fromkeys(two, answered_by_all({role: rows[role] for role in two}))
    if TWIN in comparable:
        pairs = {one.key for one in chosen(encoded, rows[BASE], found[BASE], config).items}
        found[TWIN] = answered_by_all({TWIN: rows[TWIN]}) & pairs
    return found


def chosen(encoded: Sequence[EncodedItem], rows: Rows, among: frozenset[str], config: LocateConfig) -> Chosen:
    """The pairs that `locate` intervenes on in the model of `rows`, given what is eligible."""
    return choose_pairs(encoded, rows, config.pairs, config.seed, among=among)
