"""Rows that ended leave the batch: the others write what they write alone, and the batch gets smaller."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_checkpoint

from strata.probes.decoding.generate import generate
from strata.probes.decoding.unfinished_rows import Stem, can_be_cut, few_enough, gone_on

PROMPTS = ("a", "the capital of France is", "1 + 2 =", "x y z", "b c", "in the", "3 . 4 . 5 . 6 . 7 .", "z")


def after_its_place(row: int, text: str) -> int | None:
    """Ends a row after about as many characters as its place among the prompts."""
    return 1 + 2 * row if len(text) > 2 * row else None


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_that_go_on_write_what_they_write_alone(
    architecture: str, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    rows: list[int] = []
    own = checkpoint.model.generate

    def watched(**options: Any) -> Any:
        rows.append(len(options["input_ids"]))
        return own(**options)

    monkeypatch.setattr(checkpoint.model, "generate", watched)
    together = generate(checkpoint, PROMPTS, max_new_tokens=14, stop=after_its_place, temperature=temperature, seed=5)
    assert rows == sorted(rows, reverse=True)
    assert (len(rows) > 2) == can_be_cut(checkpoint, 30)
    monkeypatch.undo()
    for row, prompt in enumerate(PROMPTS):
        alone = generate(
            checkpoint, [prompt], max_new_tokens=14, stop=lambda _, text, row=row: after_its_place(row, text),
            temperature=temperature, seed=5,
        )  # fmt: skip
        assert together[row] == alone[0]


def test_some_architecture_lets_rows_leave_and_some_does_not() -> None:
    assert {can_be_cut(tiny_checkpoint(architecture), 30) for architecture in ARCHITECTURES} == {True, False}


def test_few_enough_are_a_share_of_the_rows() -> None:
    assert few_enough(24, 32)
    assert not few_enough(25, 32)
    assert not few_enough(0, 32)
    assert not few_enough(1, 1)


def test_pads_that_no_row_needs_are_cut_and_an_unknown_cache_is_made_anew() -> None:
    stem = Stem(torch.tensor([[0, 0, 5], [0, 3, 4], [1, 2, 3]]), torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 1]]), None)
    ids = torch.cat([stem.ids, torch.tensor([[6], [7], [8]])], 1)
    on = gone_on(stem, [0, 1], ids, "no cache of the library")
    assert on.ids.tolist() == [[0, 5, 6], [3, 4, 7]]
    assert on.mask.tolist() == [[0, 1, 1], [1, 1, 1]]
    assert on.cache is None
