"""The self-tests pass on sound models and name the identity that a broken backend or read-out violates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import broken
import pytest
import torch
from tiny_models import ARCHITECTURES
from torch import nn

from strata.probes.backends import BACKENDS, open_backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import SelfTestError
from strata.probes.prompts.prompt import Prompt
from strata.probes.verification.model_self_tests import SelfTest, require_passed, run_self_tests

PROMPTS = [Prompt(str(n), tuple(range(6, 6 + n))) for n in (11, 3, 8, 8, 5)]

ITSELF = "patching a run into itself changes nothing"
DONOR = "patching every position of one stream gives the donor's run"
SUM = "stream 0 plus every contribution is stream L"
LENS = "the lens at stream L gives the model's logits"
SILENT = "zeroing what a block's steps add deletes the block"
SIDE = "streams do not depend on padding side"
PADS = "streams do not depend on added pads"


def failed(results: tuple[SelfTest, ...]) -> set[str]:
    return {result.name for result in results if not result.passed}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_passes(tiny_models: Any, architecture: str, dtype: torch.dtype) -> None:
    results = run_self_tests(tiny_models(architecture, dtype), PROMPTS)
    assert not failed(results)
    require_passed(results)
    by_name = {result.name: result for result in results}
    assert by_name[ITSELF].value == 0 == by_name[ITSELF].tolerance
    assert "effect 1.0000000" in by_name[DONOR].note
    assert len(results) == 12


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_passes(tiny_models: Any, name: str) -> None:
    checkpoint = tiny_models("gemma3")
    results = run_self_tests(checkpoint, PROMPTS, backend=open_backend(name, checkpoint))
    # TransformerLens computes attention in its own way, so that the plain model differs by rounding in what it is fed.
    assert not failed(results)


@pytest.mark.model
def test_the_embedded_model_passes(smollm2: Checkpoint) -> None:
    prompts = [Prompt(text, smollm2.encode(text)) for text in ("The capital of France is", "Water boils at")]
    assert not failed(run_self_tests(smollm2, prompts))


def test_one_prompt_of_one_token_is_enough(tiny_models: Any) -> None:
    assert not failed(run_self_tests(tiny_models("llama"), [Prompt("one", (7,))]))


def test_prompts_as_long_as_the_context_are_enough(tiny_models: Any) -> None:
    checkpoint = tiny_models("gpt2")
    assert not failed(run_self_tests(checkpoint, [Prompt("long", tuple(7 + i % 40 for i in range(64)))] * 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("architecture", "mistake", "identity"),
    [
        ("llama", broken.last_stream_normed, SUM),
        ("llama", broken.last_stream_normed, LENS),
        ("gemma2", broken.before_post_norm, SUM),
        ("llama", broken.one_layer_off, SUM),
        ("llama", broken.edits_ignored, DONOR),
        ("llama", broken.no_mask, SIDE),
        ("llama", broken.no_mask, PADS),
        ("gpt2", broken.no_position_ids, SIDE),
        ("llama", broken.one_position_off, ITSELF),
    ],
)
def test_a_broken_backend_fails_the_identity_it_violates(
    tiny_models: Any, architecture: str, mistake: Callable[..., Any], identity: str, dtype: torch.dtype
) -> None:
    checkpoint = tiny_models(architecture, dtype)
    results = run_self_tests(checkpoint, PROMPTS, backend=mistake(checkpoint))
    assert identity in failed(results)
    with pytest.raises(SelfTestError, match=r"^Self-test '.*' failed: .*self-tests failed"):
        require_passed(results)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("architecture", "change"),
    [
        ("gemma2", {"softcap": None}),
        ("llama", {"scale": 0.5}),
        ("llama", {"norm": nn.Identity()}),
        ("gpt2", {"bias": torch.ones(80)}),
    ],
)
def test_a_wrong_readout_fails_the_lens_identity(
    tiny_models: Any, architecture: str, change: dict[str, Any], dtype: torch.dtype
) -> None:
    checkpoint = tiny_models(architecture, dtype)
    change = {key: value.to(dtype) if isinstance(value, torch.Tensor) else value for key, value in change.items()}
    wrong = replace(checkpoint, readout=replace(checkpoint.readout, **change))
    assert LENS in failed(run_self_tests(wrong, PROMPTS))
