"""BASE+ADAPTER is the base with the adapter's low-rank change added, and nothing less."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from saved import logits_of, save_directory
from tiny_models import tiny_model

from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.checkpoints.peft_adapter import TRAINING_STATE
from strata.probes.errors import StrataError
from strata.probes.weights.tensor_source import open_tensors

IDS = (4, 9, 30, 12, 7)
RANK, ALPHA = 4, 12


LORA: dict[str, dict[str, Any]] = {
    "llama": {"target_modules": ["q_proj", "down_proj"]},
    "gpt2": {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True},
}


def save_adapter(directory: Path, architecture: str = "llama", *, seed: int = 3, **changes: Any) -> Path:
    torch.manual_seed(seed)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, **LORA[architecture])
    model = get_peft_model(tiny_model(architecture, **changes), config)
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


def test_an_adapter_that_records_another_base_is_refused_wherever_it_is_given(tmp_path: Path, base: Path) -> None:
    adapter = save_adapter(tmp_path / "lora")
    record = {"base": {"spec": "elsewhere", "weights_sha256": open_checkpoint(str(base)).identity.weights_sha256}}
    (adapter / "strata.json").write_text(json.dumps(record))
    assert open_checkpoint(f"{base}+{adapter}") and open_tensors(f"{base}+{adapter}")
    other = save_directory(tmp_path / "other", seed=1)
    message = r"was trained on elsewhere \(weights [0-9a-f]{12}\), not on this base \(weights [0-9a-f]{12}\)"
    refused(f"{other}+{adapter}", message)
    with pytest.raises(StrataError, match=message):
        open_tensors(f"{other}+{adapter}")


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


def merged(directory: Path, base: Path, adapter: Path, dtype: torch.dtype = torch.float32) -> Path:
    """The base with the adapter merged by PEFT, saved as a model of its own."""
    shutil.copytree(base, directory)
    (directory / "model.safetensors").unlink()
    open_checkpoint(f"{base}+{adapter}").model.to(dtype).save_pretrained(directory)
    return directory


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_adapter_is_not_merged_into_a_model_that_holds_it(
    tmp_path: Path, architecture: str, dtype: torch.dtype
) -> None:
    base = save_directory(tmp_path / "base", architecture)
    adapter, other = (save_adapter(tmp_path / f"lora{seed}", architecture, seed=seed) for seed in (0, 1))
    whole = merged(tmp_path / "whole", base, adapter, dtype)
    refused(f"{whole}+{adapter}", "whole holds the adapter .*lora0 already")
    with pytest.raises(StrataError, match=r"whole holds the adapter .*lora0 already"):
        open_tensors(f"{whole}+{adapter}")
    # By another name as well, and behind another one.
    copy = shutil.copytree(adapter, tmp_path / "copy")
    refused(f"{base}+{adapter}+{other}+{copy}", "lora1 holds the adapter .*copy already")
    for spec in (f"{base}+{adapter}", f"{whole}+{other}", f"{base}+{adapter}+{other}"):
        assert open_checkpoint(spec).identity.source.endswith("+adapter")
        assert open_tensors(spec).adapters


def test_a_model_that_was_trained_on_in_the_same_direction_may_take_the_adapter(tmp_path: Path, base: Path) -> None:
    """All weights together have a share of 1 in the change, but each block one of its own."""
    adapter = save_adapter(tmp_path / "lora")
    state, change = load_file(base / "model.safetensors"), load_file(adapter / "adapter_model.safetensors")
    for number, name in enumerate(sorted(name for name in change if "lora_A" in name)):
        weight = name.removeprefix("base_model.model.").replace(".lora_A", "")
        state[weight] += (
            (0.2, 1.8, 1.0)[number // 2] * ALPHA / RANK * change[name.replace("lora_A", "lora_B")] @ change[name]
        )
    save_file(state, base / "model.safetensors", metadata={"format": "pt"})
    assert open_checkpoint(f"{base}+{adapter}").identity.source == "directory+adapter"


def test_an_adapter_of_numbers_beyond_measure_is_held_by_nothing(tmp_path: Path, base: Path) -> None:
    adapter = save_adapter(tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    save_file({name: torch.full_like(tensor, 1e36) for name, tensor in load_file(file).items()}, file)
    source = open_tensors(f"{base}+{adapter}")
    name = next(iter(source.adapters[0].changes))
    assert not source.rows(name, 0, 4).isfinite().all()
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(settings | {"lora_alpha": 10**300}))
    open_tensors(f"{base}+{adapter}")


def test_a_directory_with_a_whole_model_and_its_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    """transformers would add the adapter to the merged weights once more, without a word."""
    adapter = save_adapter(tmp_path / "lora")
    whole = merged(tmp_path / "whole", base, adapter)
    assert open_checkpoint(str(whole)).identity.source == "directory"
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(adapter / name, whole / name)
    refused(str(whole), "holds a whole model and an adapter")
    with pytest.raises(StrataError, match="holds a whole model and an adapter"):
        open_tensors(str(whole))


def test_an_adapter_config_that_is_damaged_is_refused(tmp_path: Path, base: Path) -> None:
    (save_adapter(tmp_path / "lora") / "adapter_config.json").write_text("{")
    refused(f"{base}+{tmp_path / 'lora'}", "does not fit this base|adapter_config")


def test_a_training_that_is_not_finished_is_no_adapter(base: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / TRAINING_STATE).write_bytes(b"")
    for given in (run, run / "adapter"):
        refused(f"{base}+{given}", "The training of .* is not finished.*it goes on")
    save_adapter(run / "adapter")
    refused(f"{base}+{run}", f"is a training run, not its adapter. Give {run / 'adapter'}")
    assert open_checkpoint(f"{base}+{run / 'adapter'}").n_layers == 3
