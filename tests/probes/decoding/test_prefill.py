"""Prompts run in groups of like length leave the keys and values that they leave when they are run alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import ARCHITECTURES, tiny_checkpoint

from strata.probes.decoding.generate import generate
from strata.probes.decoding.prefill import groups_of, prefilled
from strata.probes.prompts.prompt import Prompt

LENGTHS = (13, 11, 7, 5, 2, 2)


def prompts(vocab_size: int) -> list[Prompt]:
    source = torch.Generator().manual_seed(3)
    ids = [torch.randint(3, vocab_size - 3, (length,), generator=source).tolist() for length in LENGTHS]
    return [Prompt(str(row), tuple(row_ids)) for row, row_ids in enumerate(ids)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_decoding_goes_on_as_after_each_prompt_alone(architecture: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    asked = prompts(checkpoint.vocab_size)
    together = generate(checkpoint, asked, max_new_tokens=8)
    alone = [generate(checkpoint, [prompt], max_new_tokens=8)[0] for prompt in asked]
    assert together == alone


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_keys_and_values_are_those_of_each_prompt_alone(architecture: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    asked = prompts(checkpoint.vocab_size)
    with torch.inference_mode():
        cache = prefilled(checkpoint, asked)
        if cache is None:
            # Its cache holds a window of the text only.
            assert getattr(checkpoint.model.config, "sliding_window", None)
            return
        for row, prompt in enumerate(asked):
            run = checkpoint.model(input_ids=torch.tensor([prompt.ids[:-1]]), use_cache=True).past_key_values
            for layer, own in zip(cache.layers, run.layers, strict=True):
                for cached, expected in ((layer.keys, own.keys), (layer.values, own.values)):
                    torch.testing.assert_close(cached[row, :, -expected.shape[-2] :], expected[0], rtol=1e-4, atol=1e-5)
                    assert cached.shape[-2] == LENGTHS[0] - 1


def test_some_architecture_is_run_in_groups() -> None:
    checkpoint = tiny_checkpoint("llama")
    with torch.inference_mode():
        assert prefilled(checkpoint, prompts(checkpoint.vocab_size)) is not None
        assert prefilled(checkpoint, prompts(checkpoint.vocab_size)[:2]) is None


@given(st.lists(st.integers(1, 60), max_size=12))
def test_groups_hold_every_row_once_and_few_pads(lengths: list[int]) -> None:
    lengths = sorted(lengths, reverse=True)
    groups = groups_of(lengths)
    if groups is None:
        assert not lengths or lengths[-1] < 2 or sum(lengths) > 0.8 * lengths[0] * len(lengths)
        return
    assert [row for rows in groups for row in rows] == list(range(len(lengths)))
    for rows in groups:
        assert lengths[rows[-1]] >= 0.75 * lengths[rows[0]]
