"""Batched decoding says what each prompt says alone, and what a plain loop over the logits says."""

from __future__ import annotations

from itertools import count

import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_checkpoint

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.decoding.generate import StopRule, generate
from strata.probes.errors import StrataError

PROMPTS = ("a", "the capital of France is", "1 + 2 =", "x y z", "b c", "in the", "3 . 4 . 5 . 6 . 7 .")


def greedily_by_hand(checkpoint: Checkpoint, text: str, steps: int) -> tuple[int, ...]:
    """One whole forward pass a token, no cache, no padding."""
    ids, made = list(checkpoint.encode(text)), []
    for _ in range(steps):
        with torch.no_grad():
            made.append(int(checkpoint.model(input_ids=torch.tensor([ids + made])).logits[0, -1].argmax()))
        if made[-1] == checkpoint.tokenizer.eos_token_id:
            break
    return tuple(made)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_batch_says_what_a_plain_loop_says_of_each_prompt(architecture: str) -> None:
    checkpoint = tiny_checkpoint(architecture)
    generations = generate(checkpoint, PROMPTS, max_new_tokens=9, batch_size=4)
    assert [generation.ids for generation in generations] == [greedily_by_hand(checkpoint, text, 9) for text in PROMPTS]


def test_a_sample_does_not_depend_on_its_company() -> None:
    checkpoint = tiny_checkpoint("llama")
    together = generate(checkpoint, PROMPTS, max_new_tokens=12, temperature=1.0, seed=5)
    alone = [generate(checkpoint, [text], max_new_tokens=12, temperature=1.0, seed=5)[0] for text in PROMPTS]
    assert together == alone
    other = generate(checkpoint, PROMPTS, max_new_tokens=12, temperature=1.0, seed=6)
    assert [generation.ids for generation in other] != [generation.ids for generation in together]


@pytest.mark.thorough
def test_samples_follow_the_softmax_of_the_model() -> None:
    checkpoint = tiny_checkpoint("llama")
    with torch.no_grad():
        ids = torch.tensor([checkpoint.encode("a b")])
        wanted = (checkpoint.model(input_ids=ids).logits[0, -1] / 2.0).softmax(-1)
    draws = torch.zeros_like(wanted)
    for seed in range(1500):
        draws[generate(checkpoint, ["a b"], max_new_tokens=1, temperature=2.0, seed=seed)[0].ids[0]] += 1
    # Pearson's statistic over the tokens expected at least five times; its mean is their number, its variance twice it.
    enough = wanted * draws.sum() >= 5
    expected = (wanted * draws.sum())[enough]
    statistic = float(((draws[enough] - expected) ** 2 / expected).sum())
    degrees = int(enough.sum())
    assert degrees >= 5
    assert statistic < degrees + 4 * (2 * degrees) ** 0.5


def test_the_checkpoints_own_sampling_settings_change_nothing() -> None:
    plain, opinionated = tiny_checkpoint("llama"), tiny_checkpoint("llama")
    own = opinionated.model.generation_config
    own.repetition_penalty, own.do_sample, own.temperature = 5.0, True, 3.0
    assert generate(opinionated, PROMPTS, max_new_tokens=8) == generate(plain, PROMPTS, max_new_tokens=8)
    assert opinionated.model.generation_config.repetition_penalty == 5.0


def test_a_stop_text_ends_its_row_and_is_not_part_of_the_text() -> None:
    checkpoint = tiny_checkpoint("llama")
    free = generate(checkpoint, PROMPTS, max_new_tokens=10)
    word = checkpoint.token_text(free[1].ids[3])
    stopped = generate(checkpoint, PROMPTS, max_new_tokens=10, stop=[word])
    first = next(place for place in count() if word in checkpoint.tokenizer.decode(free[1].ids[: place + 1]))
    assert stopped[1].ids == free[1].ids[: first + 1]
    assert stopped[1].finished
    assert word not in stopped[1].text
    untouched = [row for row, generation in enumerate(free) if word not in generation.text]
    assert all(stopped[row] == free[row] for row in untouched)


def test_a_stop_rule_is_asked_of_every_prompt_by_its_place() -> None:
    checkpoint = tiny_checkpoint("llama")
    free = generate(checkpoint, PROMPTS, max_new_tokens=10)

    def rule(row: int, text: str) -> int | None:
        return row if len(text) >= row else None

    ruled = generate(checkpoint, PROMPTS, max_new_tokens=10, stop=rule, batch_size=3)
    assert [generation.text for generation in ruled] == [line.text[:row] for row, line in enumerate(free)]
    assert all(generation.finished and len(generation.ids) < 10 for generation in ruled)


def test_what_only_ran_out_of_room_is_not_finished() -> None:
    checkpoint = tiny_checkpoint("llama")
    generations = generate(checkpoint, PROMPTS, max_new_tokens=3)
    assert [generation.finished for generation in generations] == [
        generation.ids[-1] == checkpoint.tokenizer.eos_token_id for generation in generations
    ]
    assert not all(generation.finished for generation in generations)
    row = next(row for row, generation in enumerate(generations) if len(set(generation.ids)) == 3)
    # A checkpoint may name several end tokens of its own, beside the tokenizer's.
    checkpoint.model.generation_config.eos_token_id = [79, generations[row].ids[1]]
    ended = generate(checkpoint, PROMPTS, max_new_tokens=3)[row]
    assert ended.finished and ended.ids == generations[row].ids[:2]
    assert ended.text == checkpoint.tokenizer.decode([ended.ids[0]])


def test_what_cannot_be_decoded_is_refused() -> None:
    checkpoint = tiny_checkpoint("llama")
    with pytest.raises(StrataError, match="context of 64"):
        generate(checkpoint, ["a b"], max_new_tokens=63)
    with pytest.raises(StrataError, match="is empty"):
        generate(checkpoint, ["a", ""], max_new_tokens=2)
    with pytest.raises(StrataError, match="temperature -1"):
        generate(checkpoint, ["a"], temperature=-1.0)


@pytest.mark.thorough
def test_a_stop_rule_that_is_asked_seldom_ends_a_text_where_one_asked_after_every_token_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checkpoint = tiny_checkpoint("llama", max_position_embeddings=512)
    with torch.no_grad():
        checkpoint.model.get_output_embeddings().weight[2] = 0  # its end token is never the likeliest
    prompts, written = ["the a is", "of the b is in"], 300
    whole = generate(checkpoint, prompts, max_new_tokens=written)
    asked = 0

    def rule(length: int) -> StopRule:
        def long_enough(row: int, text: str) -> int | None:
            nonlocal asked
            asked += 1
            return length + row if len(text) >= length + row else None

        return long_enough

    for characters in (3, 301, 460, 511):
        results = []
        for seldom in (1_000_000, 4):
            monkeypatch.setattr("strata.probes.decoding.generate._SELDOM", seldom)
            asked = 0
            results.append(generate(checkpoint, prompts, max_new_tokens=written, stop=rule(characters)))
            if characters == 511:
                assert asked < 150 if seldom == 4 else asked > 200
        assert results[0] == results[1]
        assert all(
            short.text == long.text[: characters + row]
            for row, (short, long) in enumerate(zip(results[1], whole, strict=True))
        )
