"""Which answer is the null of a lens reading? That of an unrelated item of the same family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from strata.experiments.items.alignment import EncodedItem


def unrelated_ids(encoded: Sequence[EncodedItem]) -> list[int | None]:
    """For every item the scored token of another item of its family: neither its answer nor its foil.

    The null of every lens reading (2402.16837 uses unrelated entities likewise). Deterministic: the items of a family
    give each other their answers in a cycle. Where a small set holds no third answer, one of the item's own choices
    stands in, which are answers of the same family; None when there is no such choice either.
    """
    by_family: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, encoded_item in enumerate(encoded):
        by_family[encoded_item.item.kind, encoded_item.item.family].append(index)
    nulls: list[int | None] = [None] * len(encoded)
    for members in by_family.values():
        size = len(members)
        for place, index in enumerate(members):
            own = {encoded[index].answer_id, encoded[index].foil_id}
            # Start half-way round, so that neighbours (often the same entity in other words) are tried last.
            given = [encoded[members[(place + size // 2 + step) % size]].answer_id for step in range(size)]
            candidates = (*given, *(encoded[index].choice_ids or ()))
            nulls[index] = next((token for token in candidates if token not in own), None)
    return nulls
