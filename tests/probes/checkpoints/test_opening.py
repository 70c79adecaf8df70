"""A directory opens as the model it holds; one that is damaged or something else is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
import transformers
from saved import logits_of, save_directory
from tiny_models import ARCHITECTURES, tiny_model, tiny_tokenizer

from strata.probes.checkpoints.open_spec import checkpoint_from, open_checkpoint, randomly_initialised
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.verification.parity import measure_parity

IDS = (4, 9, 30, 12, 7)


def refused(directory: Path | str, reason: str, **options: Any) -> None:
    with pytest.raises(StrataError, match=reason) as caught:
        open_checkpoint(str(directory), **options)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_saved_model_opens_with_the_same_logits(tmp_path: Path, architecture: str) -> None:
    checkpoint = open_checkpoint(str(save_directory(tmp_path / "m", architecture)), device="cpu")
    assert torch.equal(logits_of(checkpoint.model, IDS), logits_of(tiny_model(architecture), IDS))
    assert (checkpoint.n_layers, checkpoint.d_model, checkpoint.vocab_size) == (3, 32, 80)
    assert checkpoint.max_context == 64
    assert checkpoint.identity.source == "directory"
    assert not any(parameter.requires_grad for parameter in checkpoint.model.parameters())


def test_a_word_level_tokenizer_will_do(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(str(save_directory(tmp_path / "m")))
    ids = checkpoint.encode("a Paris zzz")
    assert [checkpoint.token_text(token) for token in ids] == ["a", "Paris", "<unk>"]
    assert checkpoint.pad_id == 0


def test_the_weight_hash_survives_sharding_and_renaming_but_not_another_weight(tmp_path: Path) -> None:
    whole = open_checkpoint(str(save_directory(tmp_path / "whole")))
    sharded = open_checkpoint(str(save_directory(tmp_path / "sharded", shard="20KB")))
    other = open_checkpoint(str(save_directory(tmp_path / "other", seed=1)))
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    assert whole.identity.weights_sha256 == sharded.identity.weights_sha256
    assert whole.identity.weights_sha256 != other.identity.weights_sha256
    assert whole.identity.tokenizer_sha256 == sharded.identity.tokenizer_sha256


def test_the_weight_hash_is_of_what_is_stored_whatever_dtype_it_is_opened_in(tmp_path: Path) -> None:
    directory = str(save_directory(tmp_path / "m"))
    full, half = open_checkpoint(directory, dtype="float32"), open_checkpoint(directory, dtype="bfloat16")
    assert (full.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    assert full.identity.weights_sha256 == half.identity.weights_sha256
    stored_half = open_checkpoint(str(save_directory(tmp_path / "h", dtype=torch.bfloat16)))
    assert stored_half.identity.weights_sha256 != full.identity.weights_sha256


def test_half_precision_weights_open_in_float32_on_a_cpu(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m", dtype=torch.bfloat16)
    assert open_checkpoint(str(directory), device="cpu").dtype == torch.float32


@pytest.mark.parametrize("device_map", ["cpu", "auto", {"": "cpu"}])
def test_a_device_map_places_the_model(tmp_path: Path, device_map: Any) -> None:
    directory = save_directory(tmp_path / "m")
    checkpoint = open_checkpoint(str(directory), device_map=device_map, dtype="float32")
    logits = logits_of(checkpoint.model.to("cpu"), IDS)
    torch.testing.assert_close(logits, logits_of(tiny_model("llama"), IDS), atol=1e-4, rtol=1e-4)


def test_an_offloaded_block_is_read_like_any_other() -> None:
    """What accelerate leaves of a model that is larger than its device: weights that come when they are needed."""
    checkpoint = checkpoint_from(tiny_model("llama"), tiny_tokenizer())
    accelerate.cpu_offload(checkpoint.blocks[1], execution_device=torch.device("cpu"))
    assert next(checkpoint.blocks[1].parameters()).device.type == "meta"
    agreement = measure_parity(checkpoint)
    assert agreement.ok
    assert not agreement.unavailable


def test_an_offloaded_unembedding_is_refused() -> None:
    model = tiny_model("llama")
    accelerate.cpu_offload(model, execution_device=torch.device("cpu"))
    with pytest.raises(DoesNotFitError, match="offloaded the embedding"):
        checkpoint_from(model, tiny_tokenizer())


def test_an_attention_implementation_can_be_asked_for(tmp_path: Path) -> None:
    assert open_checkpoint(str(save_directory(tmp_path / "m")), attention="eager").attention == "eager"


def test_a_random_twin_has_the_shape_and_dtype_but_not_the_weights() -> None:
    checkpoint = checkpoint_from(tiny_model("gemma2", dtype=torch.bfloat16), tiny_tokenizer())
    twin, again, other = (randomly_initialised(checkpoint, seed) for seed in (1, 1, 2))
    assert twin.dtype == torch.bfloat16
    assert twin.attention == checkpoint.attention
    assert twin.identity.weights_sha256 == again.identity.weights_sha256
    assert len({c.identity.weights_sha256 for c in (checkpoint, twin, other)}) == 3


def test_a_random_twin_keeps_its_rotary_frequencies_in_float32(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(str(save_directory(tmp_path / "m")), dtype="bfloat16")
    twin = randomly_initialised(checkpoint, 0)
    kept = {name: value for name, value in twin.model.named_buffers() if name.endswith("inv_freq")}
    assert kept and all(value.dtype == torch.float32 for value in kept.values())
    expected = dict(checkpoint.model.named_buffers())
    assert all(torch.equal(value, expected[name]) for name, value in kept.items())


def test_truncated_weights_are_refused(tmp_path: Path) -> None:
    file = save_directory(tmp_path / "m") / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    refused(tmp_path / "m", "not a whole safetensors file")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    shard = sorted(save_directory(tmp_path / "m", shard="20KB").glob("*.safetensors"))[1]
    shard.unlink()
    refused(tmp_path / "m", shard.name)


def test_a_broken_weight_index_is_refused(tmp_path: Path) -> None:
    (save_directory(tmp_path / "m", shard="20KB") / "model.safetensors.index.json").write_text("[]")
    refused(tmp_path / "m", "index.json does not hold a JSON object")


def test_weights_that_the_file_lacks_are_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = save_directory(tmp_path / "m") / "model.safetensors"
    state = load_file(file)
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, file, metadata={"format": "pt"})
    refused(tmp_path / "m", "lacks 1 weights.*layers.1.mlp.up_proj")


def _with_more(directory: Path, more: dict[str, str]) -> None:
    """Adds copies of tensors under other names."""
    from safetensors.torch import load_file, save_file

    file = directory / "model.safetensors"
    state = load_file(file)
    save_file(state | {name: state[of].clone() for name, of in more.items()}, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("model.layers.3.mlp.up_proj.weight", "layers.3.mlp.up_proj"),
        ("model.layers.0.self_attn.q_proj.bias", "q_proj.bias"),
    ],
)
def test_weights_that_the_config_has_no_place_for_are_not_excluded(tmp_path: Path, more: str, named: str) -> None:
    _with_more(save_directory(tmp_path / "m"), {more: "model.norm.weight"})
    refused(tmp_path / "m", f"holds 1 weights that its config.json has no place for, among them .*{named}")


@pytest.mark.parametrize(
    ("architecture", "more"),
    [
        ("llama", {"model.layers.0.self_attn.rotary_emb.inv_freq": "model.norm.weight"}),
        ("gpt2", {"transformer.h.0.attn.masked_bias": "transformer.ln_f.bias"}),
        ("qwen2", {"lm_head.weight": "model.embed_tokens.weight"}),
    ],
)
def test_constants_and_copies_beside_the_weights_do_no_harm(
    tmp_path: Path, architecture: str, more: dict[str, str]
) -> None:
    _with_more(save_directory(tmp_path / "m", architecture), more)
    checkpoint = open_checkpoint(str(tmp_path / "m"), device="cpu")
    assert torch.equal(logits_of(checkpoint.model, IDS), logits_of(tiny_model(architecture), IDS))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    config = save_directory(tmp_path / "m") / "config.json"
    fields = json.loads(config.read_text())
    config.write_text(json.dumps({**fields, "intermediate_size": 64}))
    refused(
        tmp_path / "m", "9 weights of .* have another shape .*down_proj.weight: 32 × 48 in the file, 32 × 64 by config"
    )


def test_pickled_weights_are_never_opened(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    (directory / "model.safetensors").unlink()
    torch.save(tiny_model("llama").state_dict(), directory / "pytorch_model.bin")
    refused(directory, "only pickled weights")


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    (save_directory(tmp_path / "m") / "model.safetensors").unlink()
    refused(tmp_path / "m", "no .*safetensors weights")


def test_a_directory_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    refused(tmp_path / "m", "no config.json")


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": "unheard-of"}', "{}"])
def test_a_config_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (save_directory(tmp_path / "m") / "config.json").write_text(text)
    refused(tmp_path / "m", "config.json|not a causal")


@pytest.mark.parametrize("kind", ["Bert", "T5"])
def test_a_model_that_is_not_causal_is_refused(tmp_path: Path, kind: str) -> None:
    small = {
        "Bert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
        "T5": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 16, "d_kv": 8},
    }[kind]
    head = {"Bert": "BertForMaskedLM", "T5": "T5ForConditionalGeneration"}[kind]
    config = getattr(transformers, f"{kind}Config")(vocab_size=80, **small)
    getattr(transformers, head)(config).save_pretrained(tmp_path / "m")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    refused(tmp_path / "m", f"{head}, not a causal language model")


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    tiny_model("llama").save_pretrained(tmp_path / "m")
    refused(tmp_path / "m", "no tokenizer")


def test_code_from_a_repository_does_not_run_unasked(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    marker = tmp_path / "ran"
    (directory / "own.py").write_text(f"open({str(marker)!r}, 'w')\n")
    fields = json.loads((directory / "config.json").read_text())
    fields |= {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"}}
    (directory / "config.json").write_text(json.dumps(fields))
    refused(directory, r"whose Python code comes with the checkpoint\. .*--trust-remote-code")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dtype": "int3"}, "--dtype int3"),
        ({"device": "abacus"}, "--device abacus"),
        ({"device": "cuda:77"}, "--device cuda:77"),
        ({"attention": "telepathy"}, "could not be loaded"),
    ],
)
def test_an_option_that_cannot_be_met_is_named(tmp_path: Path, options: Any, reason: str) -> None:
    refused(save_directory(tmp_path / "m"), reason, **options)


def test_an_architecture_without_blocks_is_refused(tmp_path: Path) -> None:
    config = transformers.XLMConfig(vocab_size=80, emb_dim=16, n_layers=1, n_heads=2)
    transformers.XLMWithLMHeadModel(config).save_pretrained(tmp_path / "m")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    refused(tmp_path / "m", "is not supported, because its blocks are no modules")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        MemoryError(),
    ],
    ids=["cpu", "cuda", "python"],
)
def test_a_model_that_does_not_fit_says_so_on_every_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def no_room(*_: Any, **__: Any) -> None:
        raise error

    base = save_directory(tmp_path / "base")
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", no_room)
    with pytest.raises(DoesNotFitError, match="base does not fit into memory") as refused:
        open_checkpoint(str(base))
    assert refused.value.exit_code == 3
