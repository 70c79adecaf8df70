"""What is an imported item scored against: another option of its row, or another row of its family?"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from strata.experiments.items.schema import Item


def with_foils(
    drafts: Sequence[Item], source: str, measure: Callable[[str], int], seed: int
) -> tuple[list[Item], Counter[str]]:
    """The items with foils from `choices` or `rows`, nearest in length by `measure`; and why some stay without."""
    without: Counter[str] = Counter()
    if source == "none":
        return list(drafts), without
    rng = Random(hashlib.sha256(f"foils {seed}".encode()).digest())
    if source == "choices":
        return [_foil_of_choices(item, rng, measure, without) for item in drafts], without
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in drafts:
        groups.setdefault((item.family, item.template), []).append(item)
    paired: dict[str, Item] = {}
    for members in groups.values():
        for item, other in zip(members, _partners(members, measure, rng), strict=True):
            if other is None:
                without["no other row of the family and template has another answer"] += 1
            paired[item.id] = (
                item
                if other is None
                else replace(item, foil=other.answer, foil_prompt=other.prompt, foil_spans=other.spans)
            )
    return [paired[item.id] for item in drafts], without


def _foil_of_choices(item: Item, rng: Random, measure: Callable[[str], int], without: Counter[str]) -> Item:
    """The item with the other option that is nearest in length as its foil; ties at random."""
    others = [choice for choice in item.choices if _tell_apart(choice, item.answer)]
    if not others:
        without["no other option begins differently" if item.choices else "the answer is none of the options"] += 1
        return item
    rng.shuffle(others)
    length = measure(item.answer)
    return replace(item, foil=min(others, key=lambda choice: abs(measure(choice) - length)))


def _partners(members: Sequence[Item], measure: Callable[[str], int], rng: Random) -> list[Item | None]:
    """For every item another with a different answer, of equal prompt length where one is found."""
    order = rng.sample(range(len(members)), len(members))
    by_length: dict[int, list[int]] = {}
    lengths = [measure(item.prompt) for item in members]
    for index in order:
        by_length.setdefault(lengths[index], []).append(index)
    known = sorted(by_length)
    # A subject may have several right answers, each in a row of its own: none of them is a foil for the others.
    right: dict[str, set[str]] = {}
    for item in members:
        right.setdefault(item.prompt, set()).add(item.answer)
    partners: list[Item | None] = []
    for index, item in enumerate(members):
        nearest = sorted(known, key=lambda length: abs(length - lengths[index]))
        partners.append(
            next(
                (
                    members[other]
                    for length in nearest
                    for other in _rotated(by_length[length], index)
                    if _tell_apart(members[other].answer, item.answer)
                    and members[other].prompt != item.prompt
                    and members[other].answer not in right[item.prompt]
                ),
                None,
            )
        )
    return partners


def _rotated(indices: Sequence[int], start: int) -> Sequence[int]:
    """The same indices from another beginning, so that not everyone gets the first as a partner."""
    cut = start % len(indices)
    return (*indices[cut:], *indices[:cut])


def _tell_apart(answer: str, other: str) -> bool:
    """Whether neither answer begins the other, so that some token tells them apart."""
    answer, other = answer.strip().casefold(), other.strip().casefold()
    return not answer.startswith(other) and not other.startswith(answer)
