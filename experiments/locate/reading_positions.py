"""Where is an item read when it's held against other items? Where all of them have been told equally little of the answer.

An answer and a foil that begin alike are told apart only after their shared start, so that start is fed behind the prompt
and `last` lies on it. Scoring and lenses have to read there. A comparison across items must not: some would be read behind a
piece of the answer and others not, and what is found could be that difference alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from strata.experiments.items.alignment import EncodedItem

Place = Literal["as asked", "common start"]
"""`as asked`: the prompt's last token as it is written. `common start`: behind whatever start of the answer all items of
the family are fed, which tells none of them from another; in most families that is the same token."""
PLACES: tuple[Place, ...] = ("as asked", "common start")


def asked_at(encoded_item: EncodedItem) -> int:
    """Index of the last token of the prompt as it is written."""
    return len(encoded_item.prompt.ids) - encoded_item.shared_prefix - 1


def places_of(encoded: Sequence[EncodedItem]) -> list[Mapping[Place, int]]:
    """For every item the index of the token at each place; families are those among `encoded`."""
    families: dict[tuple[str, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        families[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    common = {family: _common_start(members) for family, members in families.items()}
    return [
        {
            "as asked": asked_at(encoded_item),
            "common start": asked_at(encoded_item) + common[encoded_item.item.kind, encoded_item.item.family],
        }
        for encoded_item in encoded
    ]


def appended(items: Sequence[EncodedItem]) -> int:
    """How many of the items are scored behind a start that their answer and foil share."""
    return sum(encoded_item.shared_prefix > 0 for encoded_item in items)


def _common_start(members: Sequence[EncodedItem]) -> int:
    """How many tokens all of them are fed that are the same for all."""
    fed = [encoded_item.answer_ids[: encoded_item.shared_prefix] for encoded_item in members]
    together = zip(*fed, strict=False)
    return next((count for count, tokens in enumerate(together) if len(set(tokens)) > 1), min(map(len, fed)))
