"""A padded batch holds every prompt whole, and every named position is found whatever the padding side."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strata.probes.prompts.batching import locate_positions, pad
from strata.probes.prompts.prompt import Prompt

PAD = 0
rows = st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=12), min_size=1, max_size=6)
sides = st.sampled_from(["left", "right"])


@given(rows, sides)
def test_unmasking_a_batch_gives_the_prompts_back(ids: list[list[int]], side: str) -> None:
    batch = pad([Prompt(str(i), tuple(row)) for i, row in enumerate(ids)], PAD, side)
    for row, mask, placed in zip(ids, batch.mask.bool(), batch.ids, strict=True):
        assert placed[mask].tolist() == row
        assert (placed[~mask] == PAD).all()


@given(rows, sides)
def test_position_ids_count_from_each_rows_first_token(ids: list[list[int]], side: str) -> None:
    batch = pad([Prompt(str(i), tuple(row)) for i, row in enumerate(ids)], PAD, side)
    for row, mask, places in zip(ids, batch.mask.bool(), batch.position_ids, strict=True):
        assert places[mask].tolist() == list(range(len(row)))
        assert (places >= 0).all()


@given(rows, sides, st.data())
def test_a_named_position_points_at_its_own_token(ids: list[list[int]], side: str, data: st.DataObject) -> None:
    prompts = [
        Prompt(str(i), tuple(row), {"last": len(row) - 1, "subject": data.draw(st.integers(0, len(row) - 1))})
        for i, row in enumerate(ids)
    ]
    batch = pad(prompts, PAD, side)
    where, present = locate_positions(prompts, ["last", "subject"], batch)
    assert present.all()
    token_ids = batch.ids.gather(1, where)
    for prompt, tokens in zip(prompts, token_ids.tolist(), strict=True):
        assert tokens == [prompt.ids[-1], prompt.ids[prompt.positions["subject"]]]


def test_the_last_token_of_a_left_padded_row_is_not_its_length_minus_one() -> None:
    prompts = [Prompt("short", (5, 6), {"last": 1}), Prompt("long", (1, 2, 3, 4), {"last": 3})]
    where, _ = locate_positions(prompts, ["last"], pad(prompts, PAD, "left"))
    assert where[:, 0].tolist() == [3, 3]


def test_a_position_that_a_prompt_lacks_is_marked_absent() -> None:
    prompts = [Prompt("with", (5, 6), {"subject": 0}), Prompt("without", (1, 2, 3))]
    where, present = locate_positions(prompts, ["subject"], pad(prompts, PAD))
    assert present[:, 0].tolist() == [True, False]
    assert where[1, 0] == 2


def test_a_position_outside_its_prompt_is_refused_early() -> None:
    with pytest.raises(IndexError, match="subject"):
        Prompt("p", (1, 2), {"subject": 2})


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pad([], PAD)


def test_a_batch_knows_whether_it_is_padded() -> None:
    even = pad([Prompt("a", (1, 2)), Prompt("b", (3, 4))], PAD)
    uneven = pad([Prompt("a", (1, 2)), Prompt("b", (3,))], PAD)
    assert not even.padded
    assert uneven.padded
    assert torch.equal(uneven.to(torch.device("cpu")).mask, uneven.mask)
