"""A run, a resume and a page take over only what the run itself wrote, of the same model: anything else is one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter
from safetensors import safe_open
from small_world import save_checkpoint, small_items, write_items

from strata.dashboards.cli.main import main
from strata.experiments.results.json_file import JsonFile
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.resumed_part import read_part

FAST = (
    "--draws",
    "100",
    "--causal-map",
    "none",
    "--lens-maps",
    "1",
    "--folds",
    "2",
    "--display",
    "none",
    "--no-random-init",
)


class World:
    """A finished run with its activations, and the command that made it."""

    def __init__(self, root: Path) -> None:
        self.model = save_checkpoint(root / "model")
        self.items = write_items(root / "items.jsonl")
        self.run = root / "run"
        assert self.locate(self.run) == 0

    def locate(self, out: Path, *more: str) -> int:
        return main(
            [
                "locate",
                str(self.model),
                "--items",
                str(self.items),
                "--out",
                str(out),
                *FAST,
                "--keep-activations",
                *more,
            ]
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def emptied(run: Path, _: World) -> None:
    table = pq.read_table(run / "probes.parquet")
    pq.write_table(table.slice(0, 0), run / "probes.parquet")


def of_another_run(run: Path, world: World) -> None:
    other = run.with_name("other")
    assert world.locate(other, "--seed", "7") == 0
    shutil.copy(other / "behaviour.parquet", run)


def another_run_under_this_name(run: Path, world: World) -> None:
    of_another_run(run, world)
    run_id = json.loads((run / "manifest.json").read_text())["run_id"]
    table = pq.read_table(run / "behaviour.parquet")
    pq.write_table(table.replace_schema_metadata({b"strata.run": run_id.encode()}), run / "behaviour.parquet")


def later_manifest(run: Path, _: World) -> None:
    edit(run / "manifest.json", schema="strata.manifest/99")


def later_summary(run: Path, _: World) -> None:
    edit(run / "summary.json", schema="strata.summary/99")


def other_number(run: Path, _: World) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary["kinds"]["knowledge"]["accuracy"] = 0.123
    (run / "summary.json").write_text(json.dumps(summary))


def other_items(run: Path, _: World) -> None:
    lines = (run / "items.jsonl").read_text().splitlines()
    (run / "items.jsonl").write_text("\n".join(lines[1:]) + "\n")


DAMAGES: dict[Callable[[Path, World], None], str] = {
    emptied: "probes.parquet is not what this run wrote",
    of_another_run: "behaviour.parquet",
    another_run_under_this_name: "behaviour.parquet is not what this run wrote",
    later_manifest: "manifest.json is 'strata.manifest/99'",
    later_summary: "summary.json",
    other_number: "summary.json is not what this run wrote",
    other_items: "items.jsonl is not what this run wrote",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_run_did_not_write_is_neither_resumed_nor_shown(
    damage: Callable[[Path, World], None], world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(world.run, run)
    damage(run, world)
    before = {file: file.read_bytes() for file in run.iterdir() if file.suffix == ".parquet"}
    for start in (lambda: world.locate(run), lambda: main(["report", str(run)])):
        capsys.readouterr()
        assert start() == 2
        message = capsys.readouterr().err
        assert DAMAGES[damage] in message and message.count("\n") == 1
    assert before == {file: file.read_bytes() for file in before}


def test_a_table_that_is_deleted_is_made_again(world: World, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(world.run, run)
    emptied(run, world)
    (run / "probes.parquet").unlink()
    assert world.locate(run) == 0
    assert pq.read_table(run / "probes.parquet").equals(pq.read_table(world.run / "probes.parquet"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_model_that_changed_between_stop_and_resume_is_refused(
    name: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, run = tmp_path / "model", tmp_path / "run"
    shutil.copytree(world.model, model)
    words = ["locate", str(model), "--items", str(world.items), "--out", str(run), *FAST]
    assert main(words) == 0
    (run / "summary.json").unlink()  # as if it had been stopped
    if name == "config.json":
        edit(model / name, rms_norm_eps=0.5)
    elif name == "tokenizer.json":
        pipeline = json.loads((model / name).read_text())
        pipeline["normalizer"] = {"type": "Replace", "pattern": {"String": "qqqq"}, "content": "a"}
        (model / name).write_text(json.dumps(pipeline))
    else:
        edit(model / name, chat_template="{{ messages[0]['content'] }}")
    capsys.readouterr()
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "was made with another configuration" in message
    assert ("config_sha256" if name == "config.json" else "tokenizer_sha256") in message


def flip(file: Path, near_end: int) -> None:
    content = bytearray(file.read_bytes())
    content[-near_end] ^= 1
    file.write_bytes(bytes(content))


def test_one_flipped_bit_of_an_activation_is_found_before_anything_is_made_of_it(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(world.run, run)
    for name in ("probes.parquet", "summary.json"):
        (run / name).unlink()
    shard = next((run / "activations" / "model").glob("shard-*.safetensors"))
    flip(shard, 17)
    with safe_open(str(shard), framework="pt") as file:  # still a safetensors file like any other
        assert list(file.keys())
    capsys.readouterr()
    assert world.locate(run) == 2
    message = capsys.readouterr().err
    assert f"{shard.name} is not what was written" in message and "Delete it" in message
    shard.unlink()
    assert world.locate(run) == 0
    assert pq.read_table(run / "curves.parquet").equals(pq.read_table(world.run / "curves.parquet"))


def test_a_probe_of_another_run_or_with_a_flipped_bit_is_made_again(world: World, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(world.run, run)
    for name in ("probes.parquet", "curves.parquet", "summary.json"):
        (run / name).unlink()
    parts = sorted((run / "parts" / "probes").glob("*.safetensors"))
    run_id = json.loads((run / "manifest.json").read_text())["run_id"]
    assert all(read_part(part, run_id) is not None for part in parts)
    flip(parts[0], 3)
    other = tmp_path / "other"
    assert world.locate(other, "--seed", "7") == 0
    shutil.copy(other / "parts" / "probes" / parts[1].name, parts[1])
    assert read_part(parts[0], run_id) is None and read_part(parts[1], run_id) is None
    assert world.locate(run) == 0
    assert all(read_part(part, run_id) is not None for part in parts)
    for name in ("probes", "curves"):
        assert pq.read_table(run / f"{name}.parquet").equals(pq.read_table(world.run / f"{name}.parquet"))


def test_a_kill_between_a_file_and_its_checksum_is_no_damage(tmp_path: Path) -> None:
    def opened() -> RunDirectory:
        return RunDirectory(tmp_path / "run", verb="locate", command=[], identity={"seed": 0})

    numbers = JsonFile("families.json", "", TypeAdapter(list[int]))
    run = opened()
    run.write_json(numbers, [1])
    with pytest.raises(RuntimeError), run.writing("families.json"):
        (run.path / "families.json").write_text("[2]")
        raise RuntimeError("killed")
    run.close("stopped")
    again = opened()
    assert not again.finished("families.json")
    again.write_json(numbers, [2])
    assert again.finished("families.json") and again.read_as(numbers) == [2]
    again.close("done")


def test_the_manifest_names_the_files_that_were_loaded(world: World) -> None:
    manifest = json.loads((world.run / "manifest.json").read_text())
    assert manifest["checkpoint"]["files"] == ["model.safetensors"]
    assert len(manifest["checkpoint"]["config_sha256"]) == 64
    assert small_items() and "items.jsonl" in manifest["files"]
