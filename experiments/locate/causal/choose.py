"""Which items can be intervened on, which of them are, and why the others are not."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from types import MappingProxyType
from typing import Any

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.questions import entity_of
from strata.probes.causal.pairs import Pair, pair_of
from strata.probes.statistics.bootstrap import MIN_CLUSTERS

PER_FAMILY = 3
"""Pairs that a family has at least, where there are so many: the random donor of a pair is another one of its family."""
FEWER: Mapping[Kind, float] = MappingProxyType({"composite": 0.5})
"""Share of a kind's pairs that are taken of kinds that no order is asked of: two-hop items are read one by one."""
MOST_REFERENCES = 8
"""Other prompts of a family that stand in for a removed contribution."""


@dataclass(frozen=True)
class Chosen:
    pairs: tuple[Pair, ...]
    """Intervened on, family by family."""
    items: tuple[EncodedItem, ...]
    """The same, as items."""
    reference: tuple[Pair, ...]
    """Pairs of the same families that are not intervened on: what removed contributions are replaced from."""
    excluded: Mapping[str, Mapping[str, int]]
    """By kind: how many items are not intervened on, by reason."""


def choose_pairs(
    encoded: Sequence[EncodedItem],
    behaviour: Sequence[Mapping[str, Any]],
    per_kind: int,
    seed: int,
    *,
    among: Collection[str] | None = None,
    like: Chosen | None = None,
) -> Chosen:
    """At most `per_kind` pairs of each kind, shared out over the families that the model answers, their entities and templates.

    Of two-hop items half as many, but enough for an interval.

    The order within a family depends on the item ids and the seed alone. `among`: ids of the items that are eligible at
    all because of the models that this one is compared with; None: there are none. `like`: what was chosen in such a
    model; of its pairs those that this one answers are taken, with the same donors.
    """
    if like is not None:
        among = {encoded_item.key for encoded_item in like.items}
    rows = {row["item"]: row for row in behaviour}
    excluded: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for row in behaviour:
        if row["reason"] and row["answered"] is None:
            excluded[row["kind"]][row["reason"]] += 1
    by_family: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    spare: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        reason = _why_not(encoded_item, rows[encoded_item.key])
        if reason is None and among is not None and encoded_item.key not in among:
            reason = "not answered, or not intervened on, in a model it is compared with"
        family = (encoded_item.item.kind, encoded_item.item.family)
        if reason is None:
            by_family[family].append(encoded_item)
        else:
            excluded[encoded_item.item.kind][reason] += 1
            if encoded_item.aligned and encoded_item.prompt.ids != (
                encoded_item.foil_prompt.ids if encoded_item.foil_prompt else ()
            ):
                spare[family].append(encoded_item)
    drawn: list[EncodedItem] = []
    reference: list[EncodedItem] = []
    # A family of few items keeps one to stand in for what is removed.
    usable = {
        family: len(members) if spare[family] else max(1, len(members) - 1) for family, members in by_family.items()
    }
    contrasts = {family: str(members[0].item.extra.get("contrast")) for family, members in by_family.items()}
    shares = shared_out(usable, per_kind, PER_FAMILY, contrasts)
    for family, members in by_family.items():
        ordered, n = spread_over_entities(members, seed), shares[family]
        drawn += ordered[:n]
        rest = ordered[n:]
        if rest:
            most = most_of(family[0], per_kind)
            excluded[family[0]][f"beyond the {most} pairs of its kind that are intervened on"] += len(rest)
        reference += [*rest, *spread_over_entities(spare[family], seed)][:MOST_REFERENCES]
    if like is not None:
        answered = {encoded_item.key for members in by_family.values() for encoded_item in members}
        drawn = [encoded_item for encoded_item in like.items if encoded_item.key in answered]
    return Chosen(
        tuple(as_pair(encoded_item) for encoded_item in drawn),
        tuple(drawn),
        tuple(as_pair(encoded_item) for encoded_item in reference) if like is None else like.reference,
        {kind: dict(counts) for kind, counts in excluded.items()},
    )


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


def _why_not(encoded_item: EncodedItem, row: Mapping[str, Any]) -> str | None:
    if row["reason"]:
        return str(row["reason"])
    if not row["answered"]:
        return "the model does not answer it"
    if not encoded_item.aligned or encoded_item.foil_prompt is None or encoded_item.foil_id is None:
        return encoded_item.unaligned_reason or "no minimal pair"
    if encoded_item.prompt.ids == encoded_item.foil_prompt.ids:
        return "the pair's prompts are the same tokens"
    return None


def spread_over_entities(members: Sequence[EncodedItem], seed: int) -> list[EncodedItem]:
    """Entities in turn, each entity's templates shuffled: the first few cover as many entities as there are."""
    by_entity: dict[str, list[EncodedItem]] = defaultdict(list)
    for encoded_item in sorted(
        members, key=lambda encoded_item: hashlib.sha256(f"{seed} {encoded_item.key}".encode()).digest()
    ):
        by_entity[entity_of(encoded_item.item)].append(encoded_item)
    turns = chain.from_iterable(zip_longest(*by_entity.values()))
    return [encoded_item for encoded_item in turns if encoded_item is not None]


def as_pair(encoded_item: EncodedItem) -> Pair:
    """An aligned item as interventions need it."""
    return pair_of(encoded_item, f"{encoded_item.item.kind} {encoded_item.item.family}")
