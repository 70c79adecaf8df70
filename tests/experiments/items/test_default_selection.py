"""What is asked when nothing is said: enough pairs of enough inputs, and answers that several inputs share."""

from __future__ import annotations

from itertools import combinations

import pytest
from toy_encoders import PieceEncoder

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.builtin import DEFAULT, chosen
from strata.experiments.items.family import Family
from strata.experiments.items.schema import Item
from strata.experiments.locate.config import LocateConfig

POSITION = {"knowledge": "subject", "reasoning": "operand"}
asked_about = [family for family in chosen(DEFAULT) if family.kind in POSITION]
each_family = pytest.mark.parametrize("family", asked_about, ids=lambda family: family.name)


def replaced(item: Item) -> tuple[str, str]:
    """The replaced words of both prompts."""
    name = POSITION[item.kind]
    return item.prompt[slice(*item.spans[name])], item.foil_prompt[slice(*item.foil_spans[name])]


def one_way(family: Family) -> list[Item]:
    """The aligned pairs of the default size, each in one direction."""
    encoder = PieceEncoder()
    items = family.build(seed=0, n=LocateConfig().per_family, token_length=encoder.length)
    encoded, _ = encode_items(items, encoder)
    pairs = {frozenset((e.item.prompt, e.item.foil_prompt)): e.item for e in reversed(encoded) if e.aligned}
    return list(pairs.values())


def test_six_families_of_either_kind_are_asked_with_three_controls_each() -> None:
    kinds = [family.kind for family in asked_about]
    assert kinds.count("knowledge") == kinds.count("reasoning") == 6
    controls = {family.name.removesuffix("_stated") for family in chosen(DEFAULT) if family.kind == "control"}
    for kind in POSITION:
        assert len(controls & {family.name for family in asked_about if family.kind == kind}) >= 3


@each_family
def test_a_default_family_offers_thirty_pairs_of_eighteen_entities(family: Family) -> None:
    pairs = one_way(family)
    assert len(pairs) >= 30
    assert len({item.cluster for item in pairs}) >= 18
    assert len({word for item in pairs for word in replaced(item)}) >= 6


@each_family
def test_answers_of_a_default_family_are_shared_and_crossed_by_pairs_of_other_inputs(family: Family) -> None:
    pairs = one_way(family)
    assert len({answer for item in pairs for answer in (item.answer, item.foil)}) >= 3
    apart = [(a, b) for a, b in combinations(pairs, 2) if not set(replaced(a)) & set(replaced(b))]
    assert sum(a.answer == b.answer or a.foil == b.foil for a, b in apart) >= 6
    assert sum(a.answer == b.foil or a.foil == b.answer for a, b in apart) >= 6


@each_family
def test_neither_of_two_answers_is_always_the_one_asked_for(family: Family) -> None:
    """Else the difference between the two would be the same direction in every pair."""
    pairs = one_way(family)
    asked = {item.answer for item in pairs}
    assert len(asked & {item.foil for item in pairs}) >= 3
