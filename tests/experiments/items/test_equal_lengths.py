"""A file's pairs under a tokenizer that cuts words: nearly all line up, and nothing else about them changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from toy_encoders import PieceEncoder

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.equal_lengths import with_equal_lengths
from strata.experiments.items.schema import Item

ENCODER = PieceEncoder(longest=3)


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """Matched by words, as a file is that was made without a model at hand; its template's examples stay away."""
    drawn = build_items(chosen(["capital", "animal_class"]), seed=0, per_family=60)
    return [replace(item, choices=()) for item in drawn]


def aligned(items: list[Item]) -> list[bool]:
    return [encoded_item.aligned for encoded_item in encode_items(items, ENCODER)[0]]


def test_most_pairs_that_words_made_unequal_line_up_afterwards(items: list[Item]) -> None:
    matched = with_equal_lengths(items, ENCODER.length)
    before, after = aligned(items), aligned(matched)
    assert sum(before) < 0.6 * len(items) and sum(after) > 0.9 * len(items)
    assert all(item == other for item, other, fine in zip(items, matched, before, strict=True) if fine)


def test_the_new_partner_is_another_row_with_its_own_answer(items: list[Item]) -> None:
    by_prompt = {item.prompt: item for item in items}
    for item, matched in zip(items, with_equal_lengths(items, ENCODER.length), strict=True):
        partner = by_prompt.get(matched.foil_prompt)
        if matched != item:
            assert partner is not None and partner.answer == matched.foil != item.answer
            assert (partner.family, partner.template) == (item.family, item.template)
            assert partner.spans == matched.foil_spans and partner.cluster != item.cluster
        assert replace(matched, foil=item.foil, foil_prompt=item.foil_prompt, foil_spans=item.foil_spans) == item


def test_pairs_with_choices_or_with_a_prompt_of_their_own_are_left_alone(items: list[Item]) -> None:
    offered = [replace(item, choices=(item.answer, item.foil)) for item in items]
    assert with_equal_lengths(offered, ENCODER.length) == offered
    own = [replace(item, foil_prompt=f"Once more: {item.foil_prompt}", foil_spans={}) for item in items]
    assert with_equal_lengths(own, ENCODER.length) == own


def test_partners_are_spread_over_the_rows(items: list[Item]) -> None:
    matched = with_equal_lengths(items, ENCODER.length)
    new = [item.foil_prompt for item, old in zip(matched, items, strict=True) if item != old]
    assert len(set(new)) > 0.6 * len(new)
