"""BASE+ADAPTER is the base with the adapter's low-rank change added, and nothing less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from saved import logits_of, save_directory
from tiny_models import tiny_model

from probes.checkpoints.open import open_checkpoint
from probes.errors import StrataError

IDS = (4, 9, 30, 12, 7)
RANK, ALPHA = 4, 12


def save_adapter(directory: Path, **changes: Any) -> Path:
    torch.manual_seed(3)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=["q_proj", "down_proj"])
    model = get_peft_model(tiny_model("llama", **changes), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # starts at zero, which would change nothing
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(directory)
    return directory


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_directory(tmp_path / "base")


def refused(spec: str, reason: str) -> None:
    with pytest.raises(StrataError, match=reason) as caught:
        open_checkpoint(spec)
    assert "\n" not in str(caught.value)


def test_an_adapter_is_its_low_rank_change_added_to_the_base(tmp_path: Path, base: Path) -> None:
    adapter = save_adapter(tmp_path / "lora")
    checkpoint = open_checkpoint(f"{base}+{adapter}")
    by_hand = tiny_model("llama")
    change = load_file(adapter / "adapter_model.safetensors")
    for name, parameter in by_hand.named_parameters():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{stem}.lora_A.weight" in change:
            low, high = change[f"{stem}.lora_A.weight"], change[f"{stem}.lora_B.weight"]
            parameter.data += ALPHA / RANK * high @ low
    torch.testing.assert_close(logits_of(checkpoint.model, IDS), logits_of(by_hand, IDS), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(logits_of(checkpoint.model, IDS), logits_of(tiny_model("llama"), IDS))
    assert type(checkpoint.model).__name__ == "LlamaForCausalLM"
    assert not any(parameter.requires_grad for parameter in checkpoint.model.parameters())


def test_identity_tells_base_and_adapter_apart(tmp_path: Path, base: Path) -> None:
    adapter = save_adapter(tmp_path / "lora")
    plain, adapted = open_checkpoint(str(base)).identity, open_checkpoint(f"{base}+{adapter}").identity
    assert adapted.source == "directory+adapter"
    assert adapted.weights_sha256 != plain.weights_sha256
    assert adapted.weights_sha256.startswith(plain.weights_sha256)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 64, "head_dim": 16},
        {"num_hidden_layers": 5},
        {"num_hidden_layers": 2},
    ],
    ids=["wider", "deeper", "shallower"],
)
def test_an_adapter_of_another_base_is_refused(tmp_path: Path, base: Path, changes: dict[str, Any]) -> None:
    adapter = save_adapter(tmp_path / "lora", **changes)
    refused(f"{base}+{adapter}", "does not fit this base")


def test_an_adapter_with_a_weight_missing_is_refused(tmp_path: Path, base: Path) -> None:
    file = save_adapter(tmp_path / "lora") / "adapter_model.safetensors"
    state = load_file(file)
    del state[sorted(state)[0]]
    save_file(state, file)
    refused(f"{base}+{tmp_path / 'lora'}", "does not fit this base")


def test_a_truncated_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    file = save_adapter(tmp_path / "lora") / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    refused(f"{base}+{tmp_path / 'lora'}", "not a whole safetensors file")


def test_a_pickled_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    file = save_adapter(tmp_path / "lora") / "adapter_model.safetensors"
    torch.save(load_file(file), file.with_name("adapter_model.bin"))
    file.unlink()
    refused(f"{base}+{tmp_path / 'lora'}", "pickled adapters are refused")


def test_a_directory_that_is_no_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    refused(f"{base}+{base}", "no adapter_config.json")
    refused(f"{base}+nowhere", "no adapter 'nowhere'")


def test_an_adapter_config_that_is_damaged_is_refused(tmp_path: Path, base: Path) -> None:
    (save_adapter(tmp_path / "lora") / "adapter_config.json").write_text("{")
    refused(f"{base}+{tmp_path / 'lora'}", "does not fit this base|adapter_config")
