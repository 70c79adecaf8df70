"""Every control family: the answer stands in the prompt, matched to a knowledge or reasoning partner."""

from __future__ import annotations

from strata.experiments.items.control import stated_facts, stated_results
from strata.experiments.items.family import Family, TokenLength
from strata.experiments.items.schema import Item

FAMILIES: tuple[Family, ...] = (*stated_facts.FAMILIES, *stated_results.FAMILIES)


def matched_items(seed: int, n: int, token_length: TokenLength | None = None) -> list[Item]:
    """Both sides of every contrast: `n` matched pairs of each control family, partner first.

    The two share `extra["match"]`, prompt length, template and answer; `extra["contrast"]` is "K-C" where the
    control states the fact that its partner has to know, "R-R0" where it states the result to be worked out.
    """
    items: list[Item] = []
    for relation in stated_facts.RELATIONS:
        for pair in stated_facts.pairs(relation, seed=seed, n=n, token_length=token_length):
            items += pair
    for task in stated_results.TASKS:
        for pair in stated_results.pairs(task, seed=seed, n=n, token_length=token_length):
            items += pair
    return items


__all__ = ["FAMILIES", "matched_items"]
