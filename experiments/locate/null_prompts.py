"""In which other prompt of its family is an item's answer read as well? What stands above an unrelated answer there too is no finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from strata.experiments.items.alignment import EncodedItem

Group = Callable[[EncodedItem], Hashable]


def other_prompts(encoded: Sequence[EncodedItem]) -> list[int | None]:
    """For every item the index of another one of its family that has another answer; no prompt is given to two items.

    What a model prefers whatever it is asked shows in both prompts alike. The two are told equally much of their answers: the
    start that answer and foil share, which is fed behind the prompt, is the same. They have one template where such a prompt
    is left; None for an item that finds none, as the items of a commonest answer do. Deterministic.
    """
    given: list[int | None] = [None] * len(encoded)
    taken: set[int] = set()
    for group in (_worded_alike, _told_alike):
        members: dict[Hashable, list[int]] = defaultdict(list)
        for index, encoded_item in enumerate(encoded):
            members[group(encoded_item)].append(index)
        for indices in members.values():
            asking = [index for index in indices if given[index] is None]
            free = [index for index in indices if index not in taken]
            for index, other in _matched(encoded, asking, free):
                given[index] = other
                taken.add(other)
    return given


def _told_alike(encoded_item: EncodedItem) -> Hashable:
    item = encoded_item.item
    return item.kind, item.family, encoded_item.answer_ids[: encoded_item.shared_prefix]


def _worded_alike(encoded_item: EncodedItem) -> Hashable:
    return _told_alike(encoded_item), encoded_item.item.template


def _matched(encoded: Sequence[EncodedItem], asking: Sequence[int], free: Sequence[int]) -> list[tuple[int, int]]:
    """Items with prompts of another answer: both in the order of their answers, and moved round by the longest run of one."""

    def by_answer(indices: Sequence[int]) -> list[int]:
        return sorted(indices, key=lambda index: (encoded[index].answer_id, index))

    one, other = by_answer(asking), by_answer(free)
    if not one or not other:
        return []
    runs: dict[int, int] = defaultdict(int)
    for index in one:
        runs[encoded[index].answer_id] += 1
    shift = max(runs.values())
    pairs = [(index, other[(place + shift) % len(other)]) for place, index in enumerate(one[: len(other)])]
    return [(index, given) for index, given in pairs if encoded[index].answer_id != encoded[given].answer_id]
