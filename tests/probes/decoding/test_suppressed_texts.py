"""A suppressed text is never written, whatever it would be pieced together from, and all else is written as before."""

from __future__ import annotations

import pytest
from tiny_models import tiny_checkpoint

from strata.probes.decoding.generate import generate
from strata.probes.decoding.suppressed_texts import beginnings

PROMPTS = ("a", "the capital of France is", "1 + 2 =", "x y z", "b c", "in the")


def test_a_suppressed_word_is_not_written_and_until_there_nothing_changes() -> None:
    checkpoint = tiny_checkpoint("llama")
    free = generate(checkpoint, PROMPTS, max_new_tokens=12)
    words = {word for one in free for word in one.text.split() if len(word) > 1} or {free[0].text.split()[0]}
    word = sorted(words)[0]
    for temperature in (0.0, 1.0):
        kept = generate(checkpoint, PROMPTS, max_new_tokens=12, temperature=temperature, never=(word,))
        assert not any(word in one.text for one in kept)
    plain = generate(checkpoint, PROMPTS, max_new_tokens=12, never=(word,), batch_size=2)
    for one, before in zip(plain, free, strict=True):
        assert (
            one == before if word not in before.text else one.text.startswith(before.text.partition(word)[0].rstrip())
        )


@pytest.mark.model
def test_a_tag_has_every_way_in_which_a_real_tokenizer_may_begin_it(smollm2: object) -> None:
    checkpoint = smollm2
    sequences = beginnings(checkpoint, "<think>")
    texts = {"".join(checkpoint.token_text(id) for id in ids).strip() for ids in sequences}
    assert "<think" in texts and all("<think>".startswith(text) or text.startswith("<think>") for text in texts)
    assert not any(text == "<" for text in texts)
    for text in ("<think>", " <think>", "\n<think>"):
        ids = list(checkpoint.encode(text))
        assert any(ids[at : at + len(one)] == one for one in sequences for at in range(len(ids)))
