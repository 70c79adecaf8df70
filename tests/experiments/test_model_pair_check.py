"""A pair check that was stopped goes on where it was, and never with another file's numbers."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import tiny_model, tiny_tokenizer

from strata.experiments import model_pair_check
from strata.experiments.model_pair_check import check_pair, compare_and_keep, known_pairs
from strata.probes.checkpoints.peft_adapter import SHIPPED
from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.weights.tensor_source import TensorSource, open_tensors
from strata.probes.weights.weight_change import compare_weights


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two tiny checkpoints, with every comparison kept as that of a large model is."""
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(model_pair_check, "_EVERY_WEIGHTS", 1)
    for name in ("a", "b"):
        model = tiny_model("llama")
        if name == "b":
            torch.manual_seed(0)
            for parameter in model.parameters():
                parameter.data += 0.01 * torch.randn_like(parameter)
        model.save_pretrained(tmp_path / name)
        tiny_tokenizer().save_pretrained(tmp_path / name)
    return str(tmp_path / "a"), str(tmp_path / "b")


def journal(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "cache" / "weight_changes").glob("*.jsonl")
    return file


def test_a_stopped_comparison_goes_on_where_it_was(
    tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (open_tensors(spec) for spec in pair)
    expected = list(compare_weights(a, b, spectrum=False))
    begun = compare_and_keep(a, b)
    first = [next(begun) for _ in range(5)]
    begun.close()
    file = journal(tmp_path)
    assert len(file.read_text().splitlines()) == 5 and first == expected[:5]
    with file.open("a") as torn:
        torn.write('{"name": "layers.0.mlp.up_pro')
    read: list[str] = []

    def listen(stage: str, done: int, total: int | None, unit: str) -> None:
        read.append(stage)

    assert list(compare_and_keep(a, b, listen)) == expected
    assert "comparing weights" in read and len(file.read_text().splitlines()) == len(expected)
    # One flipped digit: its line is dropped and its tensor read again.
    file.write_text(file.read_text().replace('"dot": ', '"dot": 1', 1))
    assert list(compare_and_keep(a, b)) == expected
    monkeypatch.setattr(TensorSource, "rows", None)
    assert list(compare_and_keep(a, b)) == expected, "everything is known: nothing is read"


@pytest.mark.parametrize("obstacle", ["file", "pipe", "other content"])
def test_a_cache_that_cannot_keep_it_costs_time_and_nothing_else(
    tmp_path: Path, pair: tuple[str, str], obstacle: str
) -> None:
    a, b = (open_tensors(spec) for spec in pair)
    expected = list(compare_and_keep(a, b))
    file = journal(tmp_path)
    if obstacle == "file":
        shutil.rmtree(file.parent)
        file.parent.write_text("no folder")
    elif obstacle == "pipe":
        file.unlink()
        os.mkfifo(file)
    else:
        file.write_text(f"{hashlib.sha256(b'{}').hexdigest()} {{}}\n")
    assert list(compare_and_keep(a, b)) == expected


def test_changed_files_are_compared_anew(tmp_path: Path, pair: tuple[str, str]) -> None:
    assert check_pair(*pair).verdict == "base"
    file = Path(pair[1]) / "model.safetensors"
    before = file.stat()
    save_file({name: -value for name, value in load_file(file).items()}, file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a copy that keeps its time
    assert check_pair(*pair).verdict == "not the base"
    assert len(list((tmp_path / "cache" / "weight_changes").glob("*.jsonl"))) == 2


def test_small_checkpoints_leave_nothing_behind(
    tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_pair_check, "_EVERY_WEIGHTS", 1 << 28)
    assert check_pair(*pair).ok
    assert not (tmp_path / "cache" / "weight_changes").exists()


def test_every_known_pair_has_names_that_can_be_typed() -> None:
    rows = known_pairs()
    assert {row.kind for row in rows} == {"R1-style", "non-reasoning twin", "R1-distilled", "medical", "RL only"}
    shipped = [row for row in rows if row.base == "smollm2"]
    assert {row.distilled for row in shipped} == {f"smollm2+{name}" for name in SHIPPED}
    for row in rows:
        if row in shipped:
            continue
        assert row.base_name is not None and KNOWN[row.base_name].lower() == row.base.lower()
        assert row.name is None or KNOWN[row.name] == row.distilled
    assert {row.base_name for row in rows if row.kind == "R1-distilled"} == {
        "qwen2.5-math-1.5b", "qwen2.5-math-7b", "qwen2.5-14b", "qwen2.5-32b", "llama-3.1-8b", "llama-3.3-70b-instruct",
    }  # fmt: skip
