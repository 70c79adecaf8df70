"""Which members come first where only a few are taken? One of every group in turn, so that the few cover as many groups as they can."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

Member = TypeVar("Member")


def round_robin(members: Iterable[Member], group_of: Callable[[Member], Hashable]) -> list[Member]:
    """All of them; groups, and members within one, in the order in which they are given."""
    groups: dict[Hashable, list[Member]] = defaultdict(list)
    for member in members:
        groups[group_of(member)].append(member)
    turns = max(map(len, groups.values()), default=0)
    return [group[turn] for turn in range(turns) for group in groups.values() if turn < len(group)]
