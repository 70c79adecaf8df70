"""Which pairs may be intervened on in compared models? Those that base and distilled model both answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.experiments.compare.behaviour_change import answered_by_all
from strata.experiments.results.roles import CONTROL, Role
from strata.experiments.results.rows import Row

Rows = Sequence[Row]


def eligible(rows: Mapping[Role, Rows], comparable: Sequence[Role]) -> dict[Role, frozenset[str]]:
    """Ids of the items that are eligible in each model of `comparable`, the base among them.

    In the control too: one that has lost what the two others can do would otherwise leave nothing to compare them by.
    """
    two = [role for role in comparable if role != CONTROL]
    answered = answered_by_all({role: rows[role] for role in two})
    return dict.fromkeys(comparable, answered)
