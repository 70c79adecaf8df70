"""A pair lines up token by token or is refused; batches lose no pair and mix no groups."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_interventions import mixed_pairs, pair_of

from strata.probes.errors import StrataError
from strata.probes.interventions.matching_positions import matching_columns, parts_of
from strata.probes.interventions.minimal_pairs import Pair, batches_of, reach_columns
from strata.probes.prompts.prompt import Prompt

CLEAN, FOIL = Prompt("p", (5, 6, 7), {"last": 2}), Prompt("p", (5, 8, 7), {"last": 2})


@pytest.mark.parametrize(
    ("foil", "words"),
    [
        (Prompt("p", (5, 8, 7, 9), {"last": 2}), "don't line up"),
        (Prompt("p", (5, 8, 7), {"last": 1}), "don't line up"),
        (Prompt("p", (5, 8, 7), {"last": 2, "subject": 1}), "don't line up"),
        (CLEAN, "are the same"),
    ],
)
def test_an_unaligned_pair_is_refused_by_its_key(foil: Prompt, words: str) -> None:
    with pytest.raises(StrataError, match=f"'p' {words}"):
        Pair("p", CLEAN, foil, 1, 2, "sums")


def test_reach_counts_from_the_first_token_that_differs() -> None:
    pair = Pair("p", CLEAN, FOIL, 1, 2, "sums")
    assert (pair.first_difference, pair.reach) == (1, 2)
    assert pair.swapped() == Pair("p", FOIL, CLEAN, 2, 1, "sums")


@given(st.lists(st.tuples(st.integers(3, 12), st.sampled_from("xyz")), min_size=1, max_size=20), st.integers(1, 40))
def test_batches_hold_every_pair_once_one_group_each_and_keep_to_their_budget(
    drawn: list[tuple[int, str]], tokens: int
) -> None:
    pairs = [pair_of(str(n), length, length // 3, subject=None, seed=n, group=g) for n, (length, g) in enumerate(drawn)]
    batches = list(batches_of(pairs, tokens))
    assert sorted(index for batch in batches for index in batch) == list(range(len(pairs)))
    for batch in batches:
        assert len({pairs[index].group for index in batch}) == 1
        assert len(batch) == 1 or len(batch) * max(pairs[index].reach for index in batch) <= tokens


def test_long_prompts_that_begin_alike_do_not_fill_memory_with_their_keys_and_values() -> None:
    pairs = [pair_of(str(n), 40, 38, subject=None, seed=n) for n in range(20)]
    batches = list(batches_of(pairs, 60))
    assert all(len(batch) * 2 <= 60 and len(batch) * 40 <= 240 for batch in batches) and len(batches) == 4


def test_the_group_all_is_every_token_from_the_first_difference_on() -> None:
    pairs = mixed_pairs()
    columns = reach_columns(pairs, 13)
    for row, pair in zip(columns.tolist(), pairs, strict=True):
        start = 13 - len(pair.clean.ids)
        assert sorted(set(row)) == [start + t for t in range(pair.first_difference, len(pair.clean.ids))]


def test_a_donors_token_plays_the_same_part() -> None:
    """Names meet names, the rest meets what lies as far from the end, no further back than the donor's question."""
    recipient, donor = pair_of("r", 9, 4, subject=5, seed=1), pair_of("d", 12, 8, subject=9, seed=2)
    assert parts_of(recipient) == ["rest", "subject", "rest", "rest", "last"]
    assert matching_columns(recipient, donor, 1, 6).tolist() == [9, 9, 10, 10, 11, 12]
    before = replace(donor, clean=replace(donor.clean, positions={"last": 11, "subject": 2}),
                     foil=replace(donor.foil, positions={"last": 11, "subject": 2}))  # fmt: skip
    assert torch.equal(matching_columns(recipient, before, 0, 5), torch.tensor([8, 8, 9, 10, 11]))
