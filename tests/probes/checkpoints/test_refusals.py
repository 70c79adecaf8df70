"""What can't be opened is refused before anything is loaded, in one sentence that names the cause and the remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from saved import logits_of, save_directory
from tiny_models import tiny_model, tiny_tokenizer

from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.errors import StrataError
from strata.probes.weights.lineage import verify_pair
from strata.probes.weights.tensor_source import open_tensors

OPENERS: dict[str, Callable[[str], Any]] = {"open": open_checkpoint, "plan": open_on_meta, "pairs": open_tensors}


def refused(
    directory: Path, message: str, remedy: str, monkeypatch: pytest.MonkeyPatch | None = None, by: Any = tuple(OPENERS)
) -> None:
    """By every opener with the same words; with `monkeypatch` also without loading a weight."""
    if monkeypatch is not None:
        monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    for name in by:
        with pytest.raises(StrataError, match=message) as caught:
            OPENERS[name](str(directory))
        assert remedy in caught.value.remedy, name
        assert "\n" not in str(caught.value) and "pip install" not in str(caught.value)


def changed(directory: Path, **fields: Any) -> None:
    config = directory / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | fields))


def restored(directory: Path, make: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    file = directory / "model.safetensors"
    save_file(make(load_file(file)), file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, r"\(bitsandbytes\) to 4 bits"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, r"\(bitsandbytes\) to 8 bits"),
        ({"load_in_4bit": True}, r"\(bitsandbytes\) to 4 bits"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, r"\(gptq\) to 4 bits"),
        ({"quant_method": "awq", "bits": 4, "version": "gemm"}, r"\(awq\) to 4 bits"),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, r"\(fp8\)"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, r"\(compressed-tensors\)"),
        ({"quant_method": "mxfp4"}, r"\(mxfp4\)"),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, r"\(torchao\)"),
        ({"quant_method": "hqq"}, r"\(hqq\)"),
        ({"quant_method": "exl3"}, r"\(exl3\)"),
        ({"quant_method": "not-heard-of-yet"}, r"\(not-heard-of-yet\)"),
        ({"group_size": 32}, r"\(unknown kind\)"),
    ],
)
def test_quantised_by_its_settings(tmp_path: Path, settings: Any, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = save_directory(tmp_path / "m")
    changed(directory, quantization_config=settings)
    refused(directory, f"m is quantised {named}", "bfloat16, float16 or float32", monkeypatch)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("model.layers.0.mlp.up_proj.g_idx", torch.zeros(4, dtype=torch.int32), "gptq"),
        ("model.layers.0.mlp.up_proj.weight.absmax", torch.ones(4), "bitsandbytes"),
        ("model.layers.0.mlp.up_proj.SCB", torch.ones(4), "bitsandbytes"),
        ("model.layers.0.mlp.up_proj.weight_packed", torch.zeros(4, 1, dtype=torch.int32), "compressed-tensors"),
        ("model.layers.0.mlp.up_proj.weight_scale_inv", torch.ones(1, 1), "fp8"),
        ("model.layers.0.mlp.up_proj.weight", torch.ones(48, 32).to(torch.float8_e4m3fn), "fp8"),
        ("model.layers.0.mlp.up_proj.weight", torch.ones(48, 32, dtype=torch.int8), "unknown kind"),
        ("model.layers.0.mlp.up_proj.qweight", torch.zeros(4, 4, dtype=torch.int32), "gptq or awq"),
    ],
)
def test_quantised_by_its_tensors_where_the_settings_are_silent(
    tmp_path: Path, name: str, value: torch.Tensor, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = save_directory(tmp_path / "m")
    restored(directory, lambda state: state | {name: value})
    refused(directory, rf"m is quantised \({named}\): it stores {name}", "bfloat16", monkeypatch)


@pytest.mark.parametrize("file", ["quantize_config.json", "quant_config.json"])
def test_quantised_by_a_file_beside_it(tmp_path: Path, file: str) -> None:
    (save_directory(tmp_path / "m") / file).write_text("{}")
    refused(tmp_path / "m", f"is quantised .*it holds a {file}", "bfloat16")


def test_masks_that_are_stored_as_numbers_are_not_quantised(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m", "gpt2")
    restored(
        directory, lambda state: state | {"transformer.h.0.attn.bias": torch.ones(1, 1, 64, 64, dtype=torch.uint8)}
    )
    checkpoint = open_checkpoint(str(directory), device="cpu")
    assert torch.equal(logits_of(checkpoint.model, (4, 9)), logits_of(tiny_model("gpt2"), (4, 9)))


@pytest.mark.parametrize("model_type", ["own", "llama"])
def test_code_of_its_own_names_the_option(tmp_path: Path, model_type: str) -> None:
    """A kind that transformers knows needs none of it."""
    directory = save_directory(tmp_path / "m")
    changed(directory, model_type=model_type, auto_map={"AutoConfig": "own.C", "AutoModelForCausalLM": "own.M"})
    (directory / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    if model_type == "own":
        refused(directory, r"\(own\) whose Python code comes with", "--trust-remote-code", by=("open", "plan"))
        refused(directory, r"\(own\) whose Python code comes with", "--no-weights", by=("pairs",))
    else:
        assert open_checkpoint(str(directory)) and open_on_meta(str(directory))
        assert verify_pair(str(directory), str(save_directory(tmp_path / "b"))).verdict == "same weights"
    assert not (tmp_path / "ran").exists()


def test_a_kind_that_is_not_known_is_named(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    changed(directory, model_type="llama9")
    refused(directory, "knows no model type 'llama9'", "Install a transformers that knows it", by=("open", "plan"))


def test_a_lost_index_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = save_directory(tmp_path / "m", shard="20KB")
    (directory / "model.safetensors.index.json").unlink()
    refused(directory, "model.safetensors.index.json is missing$|is missing\\.", "Download the index", monkeypatch)
    shards = sorted(directory.glob("model-*.safetensors"))
    shards[-1].unlink()
    refused(directory, f"index.json is missing, and 1 of its {len(shards)} shards as well", "Download the index")


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("consolidated.safetensors", "only as consolidated.safetensors, a format of its own", "convert it"),
        ("consolidated-00001-of-00002.safetensors", "only as consolidated-00001-of-00002.safetensors", "convert it"),
        ("weights.safetensors", "holds weights.safetensors, but no model.safetensors", "Rename it"),
        ("model.gguf", r"no \*\.safetensors weights, only model.gguf", "model.gguf itself"),
    ],
)
def test_weights_under_another_name_are_named(tmp_path: Path, name: str, message: str, remedy: str) -> None:
    directory = save_directory(tmp_path / "m")
    (directory / "model.safetensors").rename(directory / name)
    refused(directory, message, remedy)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pointer_is_not_the_file(tmp_path: Path, name: str) -> None:
    (save_directory(tmp_path / "m") / name).write_text(POINTER)
    refused(tmp_path / "m", f"{name} is a Git LFS pointer", "git lfs pull")


@pytest.mark.parametrize(
    ("damage", "message", "remedy"),
    [
        (
            lambda raw: b"\xef\xbb\xbf" + raw,
            "config.json could not be read: it begins with a byte order mark",
            "UTF-8 without one",
        ),
        (lambda raw: raw[:100], "config.json could not be read: it is no valid JSON", "cut short"),
        (lambda raw: raw.decode().encode("utf-16"), "config.json could not be read: byte 1 is not UTF-8", "UTF-8"),
        (lambda raw: b"", "config.json could not be read: it is no valid JSON", "cut short"),
        (lambda raw: b"[1]", "config.json does not hold a JSON object", "download it again"),
    ],
)
def test_a_config_that_cannot_be_read_says_why(tmp_path: Path, damage: Any, message: str, remedy: str) -> None:
    config = save_directory(tmp_path / "m") / "config.json"
    config.write_bytes(damage(config.read_bytes()))
    refused(tmp_path / "m", message, remedy)


@pytest.mark.parametrize("tied", [True, False])
def test_another_vocabulary_is_named_with_both_sizes(
    tmp_path: Path, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = save_directory(tmp_path / "m", tie_word_embeddings=tied)
    changed(directory, vocab_size=300)
    message = (
        "says vocab_size 300, but its weights hold 80 rows: .*weight is 80 × 32 in the file and 300 × 32 by config.json"
    )
    refused(directory, message, "vocab_size 80", monkeypatch, by=("open", "plan"))


@pytest.mark.parametrize(("field", "value", "message"), [
    ("intermediate_size", 64, "9 weights of .* another shape .*down_proj.weight: 32 × 48 in the file, 32 × 64 by config.json"),
    ("hidden_size", 64, "weights of .* have another shape .* in the file, .* by config.json"),
    ("num_key_value_heads", 4, "6 weights of .* another shape .*k_proj.weight: 16 × 32 in the file, 32 × 32 by config.json"),
    ("num_hidden_layers", 5, r"says 5 blocks, but its weights hold 3 \(layers.0 to layers.2\)"),
    ("num_hidden_layers", 2, r"says 2 blocks, but its weights hold 3 \(layers.0 to layers.2\)"),
])  # fmt: skip
def test_another_shape_or_depth_is_named(
    tmp_path: Path, field: str, value: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = save_directory(tmp_path / "m")
    changed(directory, **{field: value})
    refused(directory, message, "config.json that belongs to the weights", monkeypatch, by=("open", "plan"))


def test_experts_that_are_converted_while_they_are_loaded_are_named_as_well(tmp_path: Path) -> None:
    config = transformers.MixtralConfig(
        vocab_size=80, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=2, max_position_embeddings=64,
    )  # fmt: skip
    directory = tmp_path / "m"
    transformers.MixtralForCausalLM(config).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    assert open_checkpoint(str(directory)).n_layers == 2
    changed(directory, vocab_size=300)
    refused(directory, "says vocab_size 300, but its weights hold 80 rows", "vocab_size 80", by=("open",))


def test_a_text_config_beside_the_weights_of_a_model_that_sees_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = save_directory(tmp_path / "m", "gemma3")
    restored(directory, lambda state: {f"language_model.{name}": value for name, value in state.items()})
    message = r"named as in a model of text and images \(language_model\..*\), its config.json is that of the text model alone"
    refused(directory, message, "save_pretrained", monkeypatch, by=("open", "plan"))


def test_a_head_that_predicts_further_tokens_is_no_block_too_many(tmp_path: Path) -> None:
    """What is stored beyond the blocks is told as what it is: weights without a place."""
    directory = save_directory(tmp_path / "m")

    def with_head(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        more = {name.replace(".2.", ".3."): value.clone() for name, value in state.items() if ".layers.2." in name}
        return state | more | {"model.layers.3.eh_proj.weight": torch.ones(2, 2)}

    restored(directory, with_head)
    refused(directory, "weights that its config.json has no place for", "excluded", by=("open",))


def test_an_adapter_where_a_model_belongs_says_what_to_give(tmp_path: Path) -> None:
    adapter = tmp_path / "lora"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "org/base", "peft_type": "LORA"})
    )
    refused(adapter, "lora is a PEFT adapter of org/base, not a model", f"Give org/base+{adapter}")
    # A trainer may leave the base's config.json beside it.
    shutil.copy(save_directory(tmp_path / "m") / "config.json", adapter)
    refused(adapter, "lora is a PEFT adapter of org/base, not a model", f"Give org/base+{adapter}")
