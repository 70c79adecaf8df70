"""In which order are a family's pairs taken, and what of an item makes a pair? Entities in turn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.round_robin import round_robin
from strata.experiments.items.schema import Kind
from strata.probes.interventions.minimal_pairs import Pair, pair_of
from strata.probes.statistics.bootstrap import MIN_CLUSTERS

FEWER: Mapping[Kind, float] = MappingProxyType({"composite": 0.5})
"""Share of a kind's pairs that are taken of kinds that no order is asked of: two-hop items are read one by one."""


def most_of(kind: Kind, per_kind: int) -> int:
    """Pairs that are taken of a kind where `per_kind` are asked for."""
    return min(per_kind, max(MIN_CLUSTERS, int(per_kind * FEWER.get(kind, 1))))


def shared_out(
    sizes: Mapping[tuple[Kind, str], int],
    per_kind: int,
    least: int = 1,
    contrasts: Mapping[tuple[Kind, str], str] | None = None,
) -> dict[tuple[Kind, str], int]:
    """How many items of each family to take, by turns until there are `per_kind` of a kind or no more of it.

    With `least` only so many families of a kind take part that each can have that many: the largest ones, of every contrast
    (what the controls of a kind are matched to) by turns. The others come in when these have no more.
    """
    taken = dict.fromkeys(sizes, 0)
    for kind in {kind for kind, _ in sizes}:
        most = most_of(kind, per_kind)
        families = sorted((family for family in sizes if family[0] == kind), key=lambda family: -sizes[family])
        seen: Counter[str] = Counter()
        rank: dict[tuple[Kind, str], int] = {}
        for family in families:
            contrast = contrasts[family] if contrasts else ""
            rank[family] = seen[contrast]
            seen[contrast] += 1
        first = set(sorted(families, key=lambda family: rank[family])[: max(1, most // least)])
        for turn in ([family for family in families if family in first], families):
            left = most - sum(taken[family] for family in families)
            while left and (open_ones := [family for family in turn if taken[family] < sizes[family]]):
                for family in open_ones[:left]:
                    taken[family] += 1
                left -= min(left, len(open_ones))
    return taken


def spread_over_entities(members: Sequence[EncodedItem], seed: int) -> list[EncodedItem]:
    """Entities in turn, each entity's templates shuffled: the first few cover as many entities as there are."""
    shuffled = sorted(members, key=lambda member: hashlib.sha256(f"{seed} {member.key}".encode()).digest())
    return round_robin(shuffled, lambda member: entity_of(member.item))


def as_pair(encoded_item: EncodedItem) -> Pair:
    """An aligned item as interventions need it."""
    return pair_of(encoded_item, f"{encoded_item.item.kind} {encoded_item.item.family}")
