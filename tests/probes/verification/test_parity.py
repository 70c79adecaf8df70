"""All backends see the same numbers as plain Hugging Face, and a backend with a known mistake doesn't pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import broken
import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_checkpoint

import strata.probes.verification.parity as parity_module
from strata.probes.backends import BACKENDS, SITE_NAMES, Backend
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.no_restart import WhyWhole
from strata.probes.verification.parity import Parity, measure_parity

DTYPES = [torch.float32, torch.bfloat16]
MIXED = [Prompt(str(n), tuple(range(7, 7 + n))) for n in (12, 5, 8)]


def failures(agreement: Parity) -> dict[str, set[str]]:
    return {
        side: {c.quantity for c in agreement.comparisons if not c.ok and c.padding == side}
        for side in ("right", "left")
    }


def check(checkpoint: Checkpoint, backend: Backend) -> Parity:
    return measure_parity(checkpoint, backends=[backend], prompts=MIXED)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_backend_agrees_with_plain_hugging_face(tiny_models: Any, architecture: str, dtype: torch.dtype) -> None:
    agreement = measure_parity(tiny_models(architecture, dtype))
    assert not agreement.unavailable
    assert not [c for c in agreement.comparisons if not c.ok]
    compared = {(c.backend, c.padding, c.quantity) for c in agreement.comparisons}
    names = [name for name in SITE_NAMES if not (name == "resid_mid" and architecture == "gpt_neox")]
    for side in ("right", "left"):
        for backend in BACKENDS:
            assert {(backend, side, name) for name in (*names, "final_norm", "logits", "edit block_out")} <= compared
        assert ("huggingface", side, "resid_pre") in compared
    restarted = {quantity for backend, _, quantity in compared if backend == "restart"}
    assert restarted == {"edit block_out", "edit attn_out", "edit mlp_out", "edit resid_pre"}


@pytest.mark.thorough
@pytest.mark.model
def test_every_backend_agrees_on_the_embedded_model(smollm2: Checkpoint) -> None:
    prompts = [Prompt(text, smollm2.encode(text)) for text in ("The capital of France is", "One and one are")]
    agreement = measure_parity(smollm2, prompts=prompts)
    assert not agreement.unavailable
    assert not [c for c in agreement.comparisons if not c.ok]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("architecture", "mistake", "side", "quantity"),
    [
        ("llama", broken.one_layer_off, "right", "resid_pre"),
        ("llama", broken.last_stream_normed, "right", "resid_post"),
        ("llama", broken.last_stream_normed, "right", "final_norm"),
        ("llama", broken.one_position_off, "right", "resid_pre"),
        ("llama", broken.no_mask, "left", "resid_post"),
        ("gpt2", broken.no_position_ids, "left", "resid_pre"),
        ("gemma2", broken.before_post_norm, "right", "attn_out"),
        ("gemma3", broken.before_post_norm, "right", "mlp_out"),
        ("olmo2", broken.before_post_norm, "right", "block_out"),
        ("gemma2", broken.no_softcap, "right", "logits"),
        ("qwen2", broken.edits_ignored, "right", "edit attn_out"),
        ("qwen2", broken.edits_at_unpadded_columns, "left", "edit resid_pre"),
    ],
)  # fmt: skip
def test_a_known_mistake_is_noticed_where_it_is_made(
    tiny_models: Any,
    architecture: str,
    mistake: Callable[[Checkpoint], Backend],
    side: str,
    quantity: str,
    dtype: torch.dtype,
) -> None:
    checkpoint = tiny_models(architecture, dtype)
    agreement = check(checkpoint, mistake(checkpoint))
    assert not agreement.ok
    assert quantity in failures(agreement)[side]


def test_rotary_models_survive_a_shift_of_positions_that_breaks_learned_ones(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    assert check(checkpoint, broken.no_position_ids(checkpoint)).ok


def test_a_forgotten_sliding_window_is_noticed(tiny_models: Any) -> None:
    checkpoint = tiny_models("mistral")
    everything_visible = tiny_checkpoint("mistral", sliding_window=None)
    assert checkpoint.identity.weights_sha256 == everything_visible.identity.weights_sha256
    assert "resid_post" in failures(check(checkpoint, TorchHooks(everything_visible)))["right"]


def test_other_weights_are_noticed(tiny_models: Any) -> None:
    other = TorchHooks(tiny_checkpoint("llama", seed=1))
    assert {"resid_pre", "attn_out", "mlp_out", "logits"} <= failures(check(tiny_models("llama"), other))["right"]


def test_not_a_number_never_agrees(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    backend = broken.Broken(checkpoint, values=lambda values: {site: h / 0 * 0 for site, h in values.items()})
    assert "resid_pre" in failures(check(checkpoint, backend))["right"]


def test_a_library_that_cannot_wrap_the_model_is_named_with_its_reason(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_models("llama")

    class UnheardOfForCausalLM(type(checkpoint.model)):
        pass

    model = tiny_checkpoint("llama").model
    model.__class__ = UnheardOfForCausalLM
    agreement = measure_parity(replace(checkpoint, model=model), prompts=MIXED, backends=["torch", "transformer_lens"])
    assert "UnheardOfForCausalLM" in agreement.unavailable["transformer_lens"]
    assert agreement.ok


def test_a_restart_with_a_mistake_is_noticed(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restarted run that lost its last edited position."""
    sweep = parity_module.sweep
    checkpoint = tiny_models("qwen2")
    assert measure_parity(checkpoint, prompts=MIXED, backends=["restart"]).ok
    monkeypatch.setattr(parity_module, "sweep", lambda run, variants, where: sweep(run, variants, where - 1))
    parity = measure_parity(checkpoint, prompts=MIXED, backends=["restart"])
    assert {"edit block_out", "edit attn_out", "edit mlp_out", "edit resid_pre"} <= failures(parity)["left"]


def test_a_model_that_cannot_be_restarted_is_compared_otherwise_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strata.probes.rerun.shared_prefix._KNOWN_OPTIONS", frozenset())
    parity = measure_parity(tiny_checkpoint("llama"), prompts=MIXED, backends=["torch", "restart"])
    assert isinstance(parity.unavailable["restart"], WhyWhole)
    assert parity.ok
    assert {comparison.backend for comparison in parity.comparisons} == {"huggingface", "torch"}


def test_progress_calls_parity_by_its_name() -> None:
    stages: list[str] = []
    measure_parity(tiny_checkpoint("llama"), backends=["torch"], progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"parity"}
