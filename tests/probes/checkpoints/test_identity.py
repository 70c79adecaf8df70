"""Two checkpoints have one identity only if they compute the same; no copy, record or old memory makes it otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from saved import save_directory
from tiny_models import tiny_model

from strata.probes.checkpoints import identity
from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta
from strata.probes.errors import StrataError
from strata.probes.files.file_state import is_settled


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))


def parts(directory: Path | str) -> dict[str, str]:
    return open_checkpoint(str(directory)).identity.parts


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def settled(directory: Path) -> None:
    """Waits until the files' last change is old enough to be relied on."""
    while not all(is_settled(file) for file in directory.glob("*.safetensors")):
        time.sleep(0.1)


def test_a_file_is_read_once_while_it_is_untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = save_directory(tmp_path / "m")
    settled(directory)
    before = parts(directory)
    monkeypatch.setattr(identity, "hash_tensors", None)  # a second reading would fail
    assert parts(directory) == before


def test_a_copy_with_the_old_size_and_time_gets_its_own_hash(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    other = save_directory(tmp_path / "other", seed=9)
    file, its = directory / "model.safetensors", other / "model.safetensors"
    settled(directory)
    before = parts(directory)["weights_sha256"]
    state = file.stat()
    wanted = parts(other)["weights_sha256"]
    shutil.copyfile(its, file)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    assert parts(directory)["weights_sha256"] == wanted != before


def test_another_file_moved_into_the_place_gets_its_own_hash(tmp_path: Path) -> None:
    directory, other = save_directory(tmp_path / "m"), save_directory(tmp_path / "other", seed=9)
    state = (directory / "model.safetensors").stat()
    os.utime(other / "model.safetensors", ns=(state.st_atime_ns, state.st_mtime_ns))
    settled(directory)
    settled(other)
    own_hash, other_hash = parts(directory)["weights_sha256"], parts(other)["weights_sha256"]
    (other / "model.safetensors").replace(directory / "model.safetensors")
    assert parts(directory)["weights_sha256"] == other_hash != own_hash


def test_a_fresh_file_is_not_relied_on(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    parts(directory)
    assert not (tmp_path / "cache" / "weight_hashes").exists()


def test_a_directory_is_not_believed_about_its_own_hash(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    true = parts(directory)
    (directory / "strata.json").write_text(json.dumps({"weights_sha256": "0" * 64, "bytes": 1}))
    assert parts(directory) == true


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        "",
        "{}",
        "[" * 50_000,
        '{"sha256": 1}',
        '{"sha256": "' + "0" * 64 + '", "check": "' + "0" * 64 + '"}',
        "directory",
    ],
)
def test_a_damaged_memory_is_made_anew(tmp_path: Path, damage: str) -> None:
    directory = save_directory(tmp_path / "m")
    settled(directory)
    true = parts(directory)
    (memory,) = (tmp_path / "cache" / "weight_hashes").iterdir()
    if damage == "directory":
        memory.unlink()
        memory.mkdir()
        assert parts(directory) == true
        return
    memory.write_text(damage)
    assert parts(directory) == true and json.loads(memory.read_text())["sha256"] == true["weights_sha256"]


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = save_directory(tmp_path / "m")
    settled(directory)
    true = parts(directory)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "weight_hashes").write_text("a file where a directory should be")
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "other"))
    assert parts(directory) == true
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "other" / "weight_hashes" / "below"))
    with pytest.raises(StrataError, match="STRATA_CACHE"):
        parts(directory)


def test_a_changed_configuration_is_another_identity_and_a_moved_one_is_not(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    before = parts(directory)
    moved = tmp_path / "moved"
    shutil.copytree(directory, moved)
    edit(moved / "config.json", _name_or_path="elsewhere", transformers_version="4.0.0")
    assert parts(moved) == before
    edit(moved / "config.json", rms_norm_eps=0.5)
    changed = parts(moved)
    assert changed["config_sha256"] != before["config_sha256"]
    assert changed["weights_sha256"] == before["weights_sha256"]
    assert open_on_meta(str(moved)).identity.config_sha256 == changed["config_sha256"]


def test_where_a_text_ends_is_part_of_the_identity(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    before = parts(directory)
    edit(directory / "generation_config.json", temperature=0.3, do_sample=True)
    assert parts(directory) == before  # sampling is the experiment's affair
    edit(directory / "generation_config.json", eos_token_id=[2, 7])
    assert parts(directory)["config_sha256"] != before["config_sha256"]


def test_every_part_of_a_tokenizer_is_in_its_hash(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    seen = [parts(directory)["tokenizer_sha256"]]
    pipeline = json.loads((directory / "tokenizer.json").read_text())
    rare = {"type": "Replace", "pattern": {"String": "qqqq"}, "content": "a"}
    (directory / "tokenizer.json").write_text(json.dumps(pipeline | {"normalizer": rare}))
    seen.append(parts(directory)["tokenizer_sha256"])
    (directory / "chat_template.jinja").write_text("{{ messages }}")
    seen.append(parts(directory)["tokenizer_sha256"])
    assert len(set(seen)) == 3


def test_padding_that_a_library_switched_on_is_no_other_tokenizer(tmp_path: Path) -> None:
    tokenizer = open_checkpoint(str(save_directory(tmp_path / "m"))).tokenizer
    before = identity.hash_tokenizer(tokenizer)
    tokenizer(["a", "a Paris"], padding=True, truncation=True, max_length=4)
    assert identity.hash_tokenizer(tokenizer) == before


def test_an_adapter_with_another_strength_is_another_identity(tmp_path: Path) -> None:
    base = save_directory(tmp_path / "base")
    adapter = tmp_path / "adapter"
    tuned = get_peft_model(tiny_model("llama"), LoraConfig(r=2, target_modules=["q_proj"], lora_alpha=4))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    tuned.save_pretrained(adapter)
    weak = open_checkpoint(f"{base}+{adapter}")
    edit(adapter / "adapter_config.json", lora_alpha=40)
    strong = open_checkpoint(f"{base}+{adapter}")
    assert not torch.equal(*(checkpoint.model.model.layers[0].self_attn.q_proj.weight for checkpoint in (weak, strong)))
    assert weak.identity.parts != strong.identity.parts
    edit(adapter / "adapter_config.json", base_model_name_or_path="moved/elsewhere", peft_version="0.0")
    assert open_checkpoint(f"{base}+{adapter}").identity.parts == strong.identity.parts


def test_a_hash_is_the_plain_sha256_over_names_shapes_and_bytes(tmp_path: Path) -> None:
    directory = save_directory(tmp_path / "m")
    digest = hashlib.sha256()
    for name, tensor in sorted(tiny_model("llama").state_dict().items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode() + tensor.numpy().tobytes())
    assert parts(directory)["weights_sha256"] == digest.hexdigest()
