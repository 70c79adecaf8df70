"""Captured activations on disk: what is read back is what was captured, a stop loses nothing, nothing is mixed up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tiny_models import D_MODEL, N_LAYERS, tiny_checkpoint

import strata
from strata.probes.capture import directory, to_disk
from strata.probes.capture import request as capture_request
from strata.probes.capture.to_disk import capture_to
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.errors import DamagedError, DoesNotFitError, StrataError
from strata.probes.prompts.texts import texts_of

ITEMS = [
    {"id": f"item {row}", "prompt": " ".join("abcdefgh"[: 1 + row % 7]), "spans": {"second": [2, 3]} if row % 7 else {}}
    for row in range(20)
]


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "_SHARD_TEXTS", 3)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return tiny_checkpoint("llama")


def same(captured: strata.Captured, other: strata.Captured) -> None:
    torch.testing.assert_close(captured.values, other.values, rtol=1e-5, atol=1e-5, equal_nan=True)
    assert torch.equal(captured.where, other.where) and captured.values.dtype == other.values.dtype
    for name in ("sites", "positions", "token_ids", "ids", "texts", "model", "every_token"):
        assert getattr(captured, name) == getattr(other, name)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("positions", [["last", "second", -3], "all"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_loaded_is_what_is_captured_in_the_order_of_the_items(
    positions: Any, dtype: torch.dtype, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("llama", dtype=dtype)
    # One text a batch, so that both are computed alike to the last bit.
    wanted = strata.capture(checkpoint, ITEMS, positions=positions, sites=["streams", "mlp_out"], batch_tokens=1)
    written = capture_to(
        tmp_path, checkpoint, texts_of(ITEMS), positions=positions, sites=["streams", "mlp_out"], batch_tokens=1
    )
    assert (written.texts, written.new, written.shards) == (20, 20, 7)
    same(strata.load_captured(tmp_path), wanted)
    part = strata.load_captured(tmp_path, sites=["mlp_out.2", "resid_pre.1"])
    columns = [wanted.sites.index(("mlp_out", 2)), wanted.sites.index(("resid_pre", 1))]
    assert torch.equal(part.values.nan_to_num(9), wanted.values[:, columns].nan_to_num(9))


def test_what_is_in_memory_is_saved_and_loaded(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name, positions in (("some", ["second", "last"]), ("all", "all")):
        captured = strata.capture(checkpoint, ITEMS, positions=positions)
        captured.save(tmp_path / name)
        same(strata.Captured.load(tmp_path / name), captured)


def test_caveats_are_kept_as_codes_and_those_of_an_earlier_version_as_their_text(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    caveat = CheckpointCaveat("adapter-of-other-base", adapter="lora", named="org/b", base="base")
    captured = strata.capture(replace(checkpoint, caveats=(caveat,)), ["a b"])
    captured.save(tmp_path)
    assert strata.load_captured(tmp_path).model == captured.model
    assert "caveat" in repr(captured) and "adapter-of-other-base: adapter='lora'" in repr(captured)
    file = tmp_path / "capture.json"
    description = json.loads(file.read_text())
    assert description["model"]["caveats"] == [caveat.without_defaults()]
    description["model"]["caveats"] = ["The adapter lora names another base"]
    file.write_text(json.dumps(description))
    assert strata.load_captured(tmp_path).model.caveats == (
        CheckpointCaveat("said", text="The adapter lora names another base"),
    )


@pytest.mark.usefixtures("small_shards")
def test_the_format_is_the_documented_one(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Reads the directory as docs/capture.md says, with safetensors and json alone."""
    capture_to(tmp_path, checkpoint, texts_of(ITEMS), positions=["last", "second"])
    description = json.loads((tmp_path / "capture.json").read_text())
    assert description["schema"] == "strata.capture/1" and description["settings"]["positions"] == ["last", "second"]
    rows = [json.loads(line) for line in (tmp_path / "texts.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [item["id"] for item in ITEMS]
    by_id = {}
    for shard in sorted(tmp_path.glob("shard-*.safetensors")):
        with safe_open(shard, framework="pt") as file:
            keys, values = json.loads(file.metadata()["keys"]), file.get_tensor("values")
        assert values.shape == (len(keys), N_LAYERS + 1, 2, D_MODEL)
        by_id |= dict(zip(keys, values, strict=True))
    captured = strata.load_captured(tmp_path)
    for place, row in enumerate(rows):
        assert [index >= 0 for index in row["where"]] == captured.present[place].tolist()
        assert torch.equal(by_id[row["id"]][:, 0], captured.at("last")[place])


@pytest.mark.usefixtures("small_shards")
def test_a_stop_keeps_what_was_run_and_the_same_call_goes_on(checkpoint: Checkpoint, tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int | None, unit: str) -> None:
        if stage == "capture" and total is not None and done > total / 2:
            raise KeyboardInterrupt

    texts = texts_of(ITEMS)
    with pytest.raises(KeyboardInterrupt):
        capture_to(tmp_path, checkpoint, texts, batch_tokens=8, progress=stop)
    with pytest.raises(StrataError, match=r"unfinished: \d+ of 20 texts are missing"):
        strata.load_captured(tmp_path)
    written = capture_to(tmp_path, checkpoint, texts, batch_tokens=8)
    assert 0 < written.new < 20
    same(strata.load_captured(tmp_path), strata.capture(checkpoint, ITEMS, batch_tokens=8))
    assert capture_to(tmp_path, checkpoint, texts).new == 0


def test_a_kill_costs_no_more_than_the_time_between_two_shards(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_disk, "_SHARD_SECONDS", 0.0)
    assert capture_to(tmp_path, checkpoint, texts_of(ITEMS), batch_tokens=1).shards == len(ITEMS)


def test_another_capture_is_refused_by_the_names_of_what_differs(checkpoint: Checkpoint, tmp_path: Path) -> None:
    texts = texts_of(ITEMS)
    capture_to(tmp_path, checkpoint, texts)
    for change, words in (
        ({"sites": "mlp_out"}, r"\(sites\)"),
        ({"positions": -2}, r"\(positions\)"),
        ({"texts": texts[1:]}, r"\(texts\)"),
        ({"checkpoint": tiny_checkpoint("llama", seed=1)}, r"\(weights\)"),
        ({"checkpoint": tiny_checkpoint("llama", dtype=torch.bfloat16)}, r"\(weights, dtype\)"),
    ):
        arguments: dict[str, Any] = {"directory": tmp_path, "checkpoint": checkpoint, "texts": texts, **change}
        with pytest.raises(StrataError, match=words):
            capture_to(**arguments)
    same(strata.load_captured(tmp_path), strata.capture(checkpoint, ITEMS))


def test_a_directory_of_something_else_is_left_alone(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(StrataError, match=r"holds something else already, such as thesis.txt"):
        capture_to(tmp_path, checkpoint, texts_of("a"))
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StrataError, match="can't be used as a directory"):
        capture_to(tmp_path / "thesis.txt", checkpoint, texts_of("a"))
    with pytest.raises(StrataError, match="holds no captured activations"):
        strata.load_captured(tmp_path)


def test_a_file_that_was_changed_since_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name in ("capture.json", "texts.jsonl", "shard-00000.safetensors"):
        directory = tmp_path / name
        capture_to(directory, checkpoint, texts_of(ITEMS))
        content = bytearray((directory / name).read_bytes())
        content[-20] ^= 1
        (directory / name).write_bytes(content)
        if name == "capture.json":
            content[:] = b"{"
            (directory / name).write_bytes(content)
        with pytest.raises(DamagedError, match=name):
            strata.load_captured(directory)


def test_what_fits_neither_memory_nor_disk_is_refused_before_it_is_begun(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture_to(tmp_path, checkpoint, texts_of(ITEMS))
    monkeypatch.setattr(capture_request, "free_host_memory", lambda: 1000)
    with pytest.raises(DoesNotFitError, match="Read a part of it"):
        strata.load_captured(tmp_path)
    monkeypatch.setattr(to_disk, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DoesNotFitError, match="are free where"):
        capture_to(tmp_path / "new", checkpoint, texts_of(ITEMS))
    with pytest.raises(StrataError, match=r"holds no mlp_out.0. It holds resid_pre.0"):
        strata.load_captured(tmp_path, sites="mlp_out")


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("positions", [["last", "second"], "all"])
def test_saving_and_capturing_to_disk_take_up_each_others_directory(
    positions: Any, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    captured = strata.capture(checkpoint, ITEMS, positions=positions, batch_tokens=1)
    captured.save(tmp_path / "saved")
    assert capture_to(tmp_path / "saved", checkpoint, texts_of(ITEMS), positions=positions).new == 0
    capture_to(tmp_path / "run", checkpoint, texts_of(ITEMS), positions=positions, batch_tokens=1)
    settings = [json.loads((tmp_path / name / "capture.json").read_text())["settings"] for name in ("saved", "run")]
    assert settings[0] == settings[1] and (settings[0]["positions"] == ["all"]) == (positions == "all")
    loaded = strata.load_captured(tmp_path / "run")
    loaded.save(tmp_path / "run")
    same(strata.load_captured(tmp_path / "run"), captured)


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("positions", [["last", "second"], "all"])
def test_other_values_for_the_same_texts_are_refused(positions: Any, checkpoint: Checkpoint, tmp_path: Path) -> None:
    captured = strata.capture(checkpoint, ITEMS, positions=positions)
    captured.save(tmp_path)
    captured.save(tmp_path)
    for row in (0, len(ITEMS) - 1):
        values = captured.values.clone()
        values[row, -1, 0, -1] += 1
        with pytest.raises(StrataError, match="holds other values for the same texts and settings"):
            replace(captured, values=values).save(tmp_path)
    same(strata.load_captured(tmp_path), captured)


def test_what_a_kill_left_of_a_file_is_gone_after_the_next_start(checkpoint: Checkpoint, tmp_path: Path) -> None:
    captured = strata.capture(checkpoint, ITEMS)
    for name in ("shard-00000.safetensors", "capture.json", "texts.jsonl", "index.json"):
        (tmp_path / f".{name}.4711.part").write_text("half")
    (tmp_path / ".mine.part").write_text("not Strata's")
    captured.save(tmp_path)
    assert [file.name for file in tmp_path.glob(".*.part")] == [".mine.part"]
    (tmp_path / ".shard-00001.safetensors.4711.part").write_text("half")
    assert capture_to(tmp_path, checkpoint, texts_of(ITEMS)).new == 0
    assert [file.name for file in tmp_path.glob(".*.part")] == [".mine.part"]
