"""Whatever form a model is given in, the same model is measured, and the giver's object is as it was before."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from bridges import tiny_bridge
from tiny_models import ARCHITECTURES, tiny_checkpoint, tiny_model, tiny_tokenizer

import strata
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.open_model import checkpoint_of
from strata.probes.errors import StrataError
from strata.probes.verification.architectures.tiny_checkpoint import save_tiny

IDS = torch.tensor([[1, 5, 6, 7, 8, 9, 10, 11]])


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


def test_a_checkpoint_is_itself_and_a_spec_is_opened(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    assert checkpoint_of(checkpoint) is checkpoint
    save_tiny("llama", tmp_path / "model", 0)
    assert checkpoint_of(str(tmp_path / "model")).identity.source == "directory"


def test_a_checkpoint_shows_itself_in_one_line(tmp_path: Path) -> None:
    save_tiny("llama", tmp_path / "model", 0)
    checkpoint = checkpoint_of(str(tmp_path / "model"))
    config = checkpoint.model.config
    assert repr(checkpoint) == (
        f"Checkpoint('{tmp_path / 'model'}': LlamaForCausalLM, n_layers={config.num_hidden_layers}, "
        f"d_model={config.hidden_size}, vocab_size={config.vocab_size}, torch.float32, cpu)"
    )


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
def test_a_hugging_face_model_is_measured_and_stays_as_it_was(architecture: str) -> None:
    model = tiny_model(architecture).train()
    before = {name: (p.data_ptr(), p.requires_grad) for name, p in model.named_parameters()}
    reference = tiny_model(architecture)
    checkpoint = checkpoint_of((model, tiny_tokenizer()))
    strata.capture(checkpoint, ["a b c", "d"])
    assert torch.equal(logits(checkpoint.model), logits(reference))
    assert model.training and not checkpoint.model.training
    assert {name: (p.data_ptr(), p.requires_grad) for name, p in model.named_parameters()} == before
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())
    assert torch.equal(logits(model.eval()), logits(reference))


def test_the_checkpoint_of_a_model_takes_no_second_copy_of_its_weights() -> None:
    model = tiny_model("qwen2")
    checkpoint = strata.open_checkpoint(model, tiny_tokenizer())
    ours = {name: parameter.data_ptr() for name, parameter in checkpoint.model.named_parameters()}
    assert ours == {name: parameter.data_ptr() for name, parameter in model.named_parameters()}
    head = checkpoint.model.get_output_embeddings().weight
    assert head is checkpoint.model.get_input_embeddings().weight  # tied, as in the original


def test_position_embeddings_that_go_by_length_stay_the_libraries_own_in_the_givers_model() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    model = tiny_model("llama", rope_parameters=rope, max_position_embeddings=8)
    kinds = [type(module) for module in model.modules()]
    checkpoint = checkpoint_of((model, tiny_tokenizer()))
    assert checkpoint.thresholds and [type(module) for module in model.modules()] == kinds


def test_the_givers_own_hooks_stay_behind_and_the_libraries_stay() -> None:
    model, tokenizer = tiny_model("llama"), tiny_tokenizer()
    plain = strata.capture((model, tokenizer), "a b c")
    model(IDS, output_hidden_states=True)  # leaves hooks of transformers' own on the model
    model.enable_input_require_grads()
    seen: list[object] = []
    lock = threading.Lock()  # what a hook holds on to can't always be copied

    class Logger:
        def __init__(self) -> None:
            self.lock = lock

        def hook(self, module: object, inputs: object, output: Any) -> Any:
            seen.append(module)
            return output + 1

    model.model.layers[1].register_forward_hook(Logger().hook)
    checkpoint = checkpoint_of((model, tokenizer))
    captured = strata.capture(checkpoint, "a b c")
    assert torch.equal(captured.values, plain.values) and not captured.values.requires_grad and not seen
    (caveat,) = captured.model.caveats
    assert caveat == CheckpointCaveat("hooks-not-in-force", hooked=1, module="model.layers.1")
    states = checkpoint.model(IDS, output_hidden_states=True).hidden_states
    assert len(states) == 4 and not states[0].requires_grad
    model(IDS)
    assert len(seen) == 1


def test_a_model_with_an_adapter_in_it_is_measured_with_the_adapter() -> None:
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(tiny_model("llama"), settings).eval()
    captured = strata.capture((model, tiny_tokenizer(adds_bos=True)), "a b c")
    with torch.no_grad():
        states = model(torch.tensor(captured.token_ids), output_hidden_states=True).hidden_states
    torch.testing.assert_close(captured.streams[0, :-1], torch.stack([state[0, -1] for state in states[:-1]]))


def test_a_models_own_dtype_is_kept() -> None:
    captured = strata.capture((tiny_model("llama", dtype=torch.bfloat16), tiny_tokenizer()), "a b c")
    assert captured.values.dtype == torch.bfloat16 and captured.model.dtype == "bfloat16"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_model_inside_a_bridge_is_the_one_that_was_put_in(architecture: str, tmp_path: Path) -> None:
    bridge = tiny_bridge(architecture, tmp_path)
    reference = tiny_model(architecture)
    ids = bridge.to_tokens("a b c")
    before = bridge(ids)
    checkpoint = checkpoint_of(bridge)
    torch.testing.assert_close(logits(checkpoint.model), logits(reference), rtol=1e-5, atol=1e-5)
    assert set(checkpoint.model.state_dict()) == set(reference.state_dict())
    held = {parameter.data_ptr() for parameter in bridge.original_model.parameters()}
    assert all(parameter.data_ptr() in held for parameter in checkpoint.model.parameters())
    # Whether a text gets a BOS differs between bridges whose tokenizers are the same.
    assert list(checkpoint.encode("a b c")) == ids[0].tolist()
    assert torch.equal(bridge(ids), before)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_bridges_own_hooks_stay_behind_and_are_counted(architecture: str, tmp_path: Path) -> None:
    bridge = tiny_bridge(architecture, tmp_path)
    bridge.run_with_cache("a b")  # leaves hooks of both libraries on the bridge
    plain = strata.capture(bridge, "a b c", sites="mlp_out")
    assert plain.model.caveats == ()
    bridge.add_hook("blocks.1.hook_mlp_out", lambda values, hook: values * 0)
    for tokenizer in (None, bridge.tokenizer):
        captured = strata.capture(strata.open_checkpoint(bridge, tokenizer), "a b c", sites="mlp_out")
        hook = CheckpointCaveat("hooks-not-in-force", hooked=1, module="blocks.1.mlp.hook_out")
        assert captured.model.caveats == (hook,)
        assert tokenizer is not None or torch.equal(captured.values, plain.values)
    bridge.original_model.register_forward_hook(lambda module, inputs, output: None)
    (caveat,) = checkpoint_of(bridge).caveats
    assert caveat.hooked == 2
    bridge.reset_hooks()


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_bridge_with_processed_weights_is_refused(architecture: str, tmp_path: Path) -> None:
    bridge = tiny_bridge(architecture, tmp_path)
    bridge.enable_compatibility_mode()
    with pytest.raises(StrataError, match=r"processed .*leave out enable_compatibility_mode"):
        checkpoint_of(bridge)


def test_a_bridge_in_compatibility_mode_without_processing_is_the_model_still(tmp_path: Path) -> None:
    bridge = tiny_bridge("llama", tmp_path)
    bridge.enable_compatibility_mode(no_processing=True)
    torch.testing.assert_close(logits(checkpoint_of(bridge).model), logits(tiny_model("llama")))


def test_a_bridge_without_tokenizer_takes_the_one_that_is_given(tmp_path: Path) -> None:
    bridge = tiny_bridge("llama", tmp_path)
    bridge.tokenizer = None
    with pytest.raises(StrataError, match="TransformerBridge comes without a tokenizer"):
        checkpoint_of(bridge)
    assert checkpoint_of((bridge, tiny_tokenizer(adds_bos=True))).encode("a") == (1, 4)


def test_what_cannot_be_opened_is_refused_in_one_sentence(tmp_path: Path) -> None:
    bridge = tiny_bridge("llama", tmp_path)
    model, tokenizer = tiny_model("llama"), tiny_tokenizer()
    for given, words in (
        (model, "comes without a tokenizer"),
        ((model, "gpt2"), "no tokenizer of Hugging Face"),
        ((model, tokenizer, 1), "tuple of 3 parts"),
        ((bridge.original_model, tokenizer), "rewritten by a TransformerLens bridge"),
        (7, "type int is no model"),
        (torch.nn.Linear(2, 2), "type Linear is no model"),
    ):
        with pytest.raises(StrataError, match=words):
            checkpoint_of(given)
    with pytest.raises(StrataError, match="dtype can't be chosen"):
        strata.open_checkpoint(model, tokenizer, dtype="bfloat16")
    with pytest.raises(StrataError, match="tokenizer of its own"):
        strata.open_checkpoint("smollm2", tokenizer)
