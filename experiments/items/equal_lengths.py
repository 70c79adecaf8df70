"""Pairs of a file that were matched by words, matched again by a checkpoint's tokens: only prompts of equal length can be swapped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from strata.experiments.items.family import TokenLength
from strata.experiments.items.knowledge.drawing import distinguishable
from strata.experiments.items.schema import Item

Group = tuple[str, str, str]


def with_equal_lengths(items: Sequence[Item], token_length: TokenLength) -> list[Item]:
    """The items; where a pair of two rows differs in length, the second is replaced by one of equal length, if there is one.

    Rows are of one family and template, ask of another cluster and have an answer that a token tells from the item's. Pairs
    stay as they are where the second prompt is no other row's, where choices are offered, and where lengths are equal already;
    of several rows that would do, those that are nobody's partner yet come first, so that pairs spread over the rows.
    """
    rows: dict[Group, list[Item]] = defaultdict(list)
    for item in items:
        rows[_group(item)].append(item)
    lengths: dict[str, int] = {}

    def length(prompt: str) -> int:
        if prompt not in lengths:
            lengths[prompt] = token_length(prompt)
        return lengths[prompt]

    asked = {(_group(item), item.prompt) for item in items}
    right: dict[tuple[Group, str], set[str]] = defaultdict(set)
    for item in items:
        right[_group(item), item.prompt].add(item.answer)
    used: dict[str, int] = defaultdict(int)
    matched: list[Item] = []
    for item in items:
        group = _group(item)
        of_rows = item.has_pair and not item.choices and (group, item.foil_prompt) in asked
        if of_rows and length(item.prompt) != length(item.foil_prompt):
            fitting = [
                other
                for other in rows[group]
                if length(other.prompt) == length(item.prompt)
                and other.cluster != item.cluster
                and other.spans.keys() == item.spans.keys()
                and distinguishable(item.answer, other.answer)
                and other.answer not in right[group, item.prompt]
            ]
            if fitting:
                other = min(fitting, key=lambda row: used[row.id])
                used[other.id] += 1
                matched.append(replace(item, foil=other.answer, foil_prompt=other.prompt, foil_spans=other.spans))
                continue
        matched.append(item)
    return matched


def _group(item: Item) -> Group:
    return item.kind, item.family, item.template
