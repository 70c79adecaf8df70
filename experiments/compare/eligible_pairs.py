"""Which pairs are intervened on first in compared models? Those that base and distilled model both answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.experiments.compare.behaviour_change import answered_by_all
from strata.experiments.results.roles import CONTROL, Role
from strata.experiments.results.rows import Row

Rows = Sequence[Row]


def eligible(rows: Mapping[Role, Rows], comparable: Sequence[Role]) -> dict[Role, frozenset[str]]:
    """Ids of the items that come first in each model of `comparable`, the base among them.

    In the control too: what it shares with the two others is what they can be compared by. Pairs that only one model answers
    come behind them, so that a family that was lost is still placed in the model that has it.
    """
    two = [role for role in comparable if role != CONTROL]
    answered = answered_by_all({role: rows[role] for role in two})
    return dict.fromkeys(comparable, answered)
