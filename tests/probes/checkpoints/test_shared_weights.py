"""Models that share weights: the same numbers, no second copy, and hooks and attention functions apart."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from tiny_models import ARCHITECTURES

from strata.probes.checkpoints.shared_weights import with_shared_weights
from strata.probes.rerun.shared_prefix import attention_by


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_other_one_has_the_same_weights_and_says_the_same(tiny_models: Any, architecture: str) -> None:
    checkpoint = tiny_models(architecture)
    other = with_shared_weights(checkpoint)
    mine, theirs = list(checkpoint.model.parameters()), list(other.model.parameters())
    assert (
        all(one is another for one, another in zip(mine, theirs, strict=True))
        and other.tokenizer is checkpoint.tokenizer
    )
    assert not set(checkpoint.model.modules()) & set(other.model.modules())
    assert all(parts.block in set(other.model.modules()) for parts in other.anatomy.blocks)
    ids = torch.arange(5)[None]
    with torch.no_grad():
        assert torch.equal(checkpoint.model(ids).logits, other.model(ids).logits)


def test_hooks_of_one_hear_nothing_of_the_other(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    other = with_shared_weights(checkpoint)
    heard: list[int] = []
    handle = checkpoint.blocks[0].register_forward_hook(lambda *_: heard.append(1))
    with torch.no_grad():
        other.model(torch.arange(3)[None])
        assert heard == []
        checkpoint.model(torch.arange(3)[None])
    handle.remove()
    assert heard == [1]


def test_an_attention_function_is_its_threads_own() -> None:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    before = ALL_ATTENTION_FUNCTIONS["sdpa"]
    inside, leave = threading.Event(), threading.Event()

    def theirs(*_: Any, **__: Any) -> tuple[str, None]:
        return "theirs", None

    def hold() -> None:
        with attention_by(theirs, "sdpa"):
            inside.set()
            leave.wait(10)
            said.append(ALL_ATTENTION_FUNCTIONS["sdpa"]()[0])

    said: list[Any] = []
    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with attention_by(lambda *_: ("mine", None), "sdpa"):
        assert ALL_ATTENTION_FUNCTIONS["sdpa"]()[0] == "mine"
        with attention_by(lambda *_: ("inner", None), "sdpa"):
            assert ALL_ATTENTION_FUNCTIONS["sdpa"]()[0] == "inner"
        assert ALL_ATTENTION_FUNCTIONS["sdpa"]()[0] == "mine"
    query = torch.ones(1, 1, 2, 4)
    without = ALL_ATTENTION_FUNCTIONS["sdpa"](torch.nn.Identity(), query, query, query, None)[0]
    torch.testing.assert_close(without, torch.ones(1, 2, 1, 4))
    leave.set()
    thread.join()
    assert said == ["theirs"] and ALL_ATTENTION_FUNCTIONS["sdpa"] is before
