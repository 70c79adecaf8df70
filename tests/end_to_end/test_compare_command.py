"""`strata compare` as a person runs it, on tiny local checkpoints: results, resume, refusals."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file
from small_world import compare_command, lora, save_checkpoint, write_items

from strata.dashboards.cli import verb_compare
from strata.dashboards.cli.display import Display
from strata.dashboards.cli.main import main
from strata.dashboards.page import pages_of_run
from strata.dashboards.sentences.comparison_caveats import caveats
from strata.dashboards.view.comparison.files import read_comparison
from strata.experiments.compare.found_caveats import found_caveats
from strata.experiments.run.files import manifest_sha256
from strata.probes.checkpoints.open_spec import open_checkpoint

TABLES = ("changes", "crossed", "layer_swaps", "similarity", "transfer", "weights")


class World:
    """A base, the same a little changed, and what they are asked."""

    def __init__(self, directory: Path) -> None:
        self.base = save_checkpoint(directory / "base")
        self.tuned = Path(shutil.copytree(self.base, directory / "tuned"))
        file = self.tuned / "model.safetensors"
        state = load_file(file)
        state["model.layers.1.mlp.down_proj.weight"] *= 1.5
        save_file(state, file, metadata={"format": "pt"})
        self.items = write_items(directory / "items.jsonl")

    def command(self, out: Path, *more: object, base: object = "", tuned: object = "") -> list[str]:
        return compare_command(base or self.base, tuned or self.tuned, self.items, out, *more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def run(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    assert main(world.command(out, "--display", "none")) == 0
    return out


def test_the_bases_own_page_is_there_before_anything_of_the_others(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found: list[tuple[str, list[str]]] = []
    own = pages_of_run.write_first_page

    def watched(run: Path) -> Path | None:
        found.append((run.name, sorted(path.parent.name for path in run.parent.glob("*/summary.json"))))
        return own(run)

    monkeypatch.setattr(pages_of_run, "write_first_page", watched)
    opened: list[Path] = []
    monkeypatch.setattr(verb_compare, "page_opener", lambda asked: opened.append if asked else pytest.fail("not asked"))
    assert main(world.command(tmp_path / "run", "--display", "plain", "--open")) == 0
    assert opened == [tmp_path / "run" / "base" / "report.html", tmp_path / "run" / "report.html"]
    assert found == [("base", ["base"]), ("distilled", ["base", "distilled"])]
    told = capfd.readouterr().err
    assert f"page of the base model alone: {tmp_path / 'run' / 'base' / 'report.html'}" in told
    for model in ("base", "distilled"):
        line = f"{model}, letters: not placed: it isn't answered above chance\n"
        assert 0 <= told.find(line) < told.find(f"page of the {model} model alone")


def measured(run: Path) -> dict[Path, int]:
    """When every file that holds numbers was written."""
    return {
        file.relative_to(run): file.stat().st_mtime_ns
        for pattern in ("*.parquet", "comparison.json", "pair_check.json", "summary.json")
        for file in run.rglob(pattern)
    }


def rows(run: Path, table: str) -> list[dict[str, Any]]:
    return list(pq.read_table(run / f"{table}.parquet").to_pylist())


def refused(command: list[str], capfd: pytest.CaptureFixture[str], *sentences: str) -> None:
    assert main([*command, "--display", "none"]) == 2
    captured = capfd.readouterr()
    assert not captured.out and captured.err.startswith("strata: ") and captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    for words in sentences:
        assert words in captured.err


def test_a_second_call_measures_nothing_and_json_is_all_it_prints(
    world: World, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = measured(run)
    assert len(before) > 12 and all(rows(run, name) for name in ("changes", "crossed", "layer_swaps", "weights"))
    assert main(world.command(run, "--json")) == 0
    captured = capfd.readouterr()
    assert captured.out.count("\n") == 1 and not captured.err
    comparison = json.loads(captured.out)
    assert comparison["schema"] == "strata.comparison/3" and set(comparison["models"]) == {"base", "distilled"}
    read, codes = read_comparison(run), [caveat["code"] for caveat in comparison["found_caveats"]]
    assert codes == ["no-control", "one-seed", *["warned"] * 4]
    assert {caveat["warned"]["model"] for caveat in comparison["found_caveats"][2:]} <= {"base", "distilled"}
    assert len(codes) == len(caveats(read.comparison, read.failed_self_tests))
    failed = found_caveats(read.comparison, {"base": ["a test"]})
    assert {"code": "self-tests-failed", "model": "base", "tests": ["a test"]} in [
        one.without_defaults() for one in failed
    ]
    assert comparison["run"] == str(run) and Path(comparison["report"]).stat().st_size > 100_000
    assert measured(run) == before


def test_a_person_is_told_the_verdict_and_where_the_page_is(
    world: World, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(world.command(run, "--display", "none")) == 0
    captured = capfd.readouterr()
    assert (
        "distilled: is the base its base? base\n" in captured.out and f"report: {run / 'report.html'}" in captured.out
    )
    assert not captured.err


def test_other_options_on_the_same_directory_are_refused(
    world: World, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = measured(run)
    refused(world.command(run, "--swap-pairs", "5"), capfd, "swap_pairs: 4 there, 5 now", "Give another --out")
    refused(
        world.command(run, tuned=world.base),
        capfd,
        "was made with another configuration (models.distilled.weights_sha256: ",
    )
    assert measured(run) == before


def test_room_for_one_model_is_no_other_configuration(
    world: World, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = measured(run)
    assert main(world.command(run, "--one-at-a-time", "--json")) == 0
    assert json.loads(capfd.readouterr().out)["not_comparable"] == []
    assert measured(run) == before


def test_ctrl_c_keeps_what_is_measured_and_the_same_command_goes_on(
    world: World, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, shown = tmp_path / "run", Display.__call__

    def pressed(display: Display, stage: str, done: int, total: int | None, unit: str) -> None:
        if stage == "layer swaps into the base":
            signal.raise_signal(signal.SIGINT)
        shown(display, stage, done, total, unit)

    with monkeypatch.context() as patched:
        patched.setattr(Display, "__call__", pressed)
        assert main(world.command(out, "--display", "plain")) == 130
    captured = capfd.readouterr()
    assert (
        f"what was measured is kept in {out}. Resume: strata compare" in captured.err
        and "Traceback" not in captured.err
    )
    assert not captured.out
    assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    finished = measured(out)
    assert Path("distilled/summary.json") in finished and Path("layer_swaps.parquet") not in finished
    assert main(world.command(out, "--display", "none")) == 0
    assert {name: measured(out)[name] for name in finished} == finished
    for name in TABLES:
        assert rows(out, name) == rows(run, name), name


def test_an_adapter_for_another_base_is_refused(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    foreign = lora(tmp_path / "foreign", hidden_size=16)
    refused(world.command(tmp_path / "a", tuned=f"{world.base}+{foreign}"), capfd, "does not fit this base model")
    own = lora(tmp_path / "own")
    trained_on = {"spec": "elsewhere", "weights_sha256": "0123456789ab" * 5, "tokenizer_sha256": ""}
    (own / "strata.json").write_text(json.dumps({"base": trained_on}))
    refused(
        world.command(tmp_path / "b", tuned=f"{world.base}+{own}"), capfd,
        "was trained on elsewhere (weights 0123456789ab), not on this base", f"Open it as elsewhere+{own}",
    )  # fmt: skip


def test_an_adapter_given_to_a_model_that_holds_it_is_refused(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    adapter = lora(tmp_path / "adapter")
    merged = Path(shutil.copytree(world.base, tmp_path / "merged"))
    (merged / "model.safetensors").unlink()
    open_checkpoint(f"{world.base}+{adapter}").model.save_pretrained(merged)
    capfd.readouterr()
    spec = f"{merged}+{adapter}"
    refused(world.command(tmp_path / "a", tuned=spec), capfd, f"{merged} holds the adapter {adapter} already")
    refused(world.command(tmp_path / "b", tuned=f"{world.base}+{adapter}+{adapter}"), capfd, "twice", "Name it once")
    shutil.copy(adapter / "adapter_config.json", merged)
    refused(world.command(tmp_path / "c", tuned=merged), capfd, "holds a whole model and an adapter")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--control", "./nowhere"), "There is no file or directory './nowhere'"),
        (("--crossed-positions", "first"), "crossed"),
        (("--swap-stride", "0"), "--swap-stride"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    refused(world.command(tmp_path / "run", *more), capfd, message)


def test_what_is_deleted_from_a_finished_comparison_is_made_again(
    world: World, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    lost = ["items.jsonl", "cells.json", "base/behaviour.parquet", "distilled/items.jsonl"]
    table = rows(out / "base", "behaviour")
    damaged = out / "base" / "behaviour.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    assert main(world.command(out, "--display", "none")) == 2
    assert "behaviour.parquet is not what this run wrote" in capsys.readouterr().err
    for name in lost:
        (out / name).unlink()
    assert main(["report", str(out)]) == 2
    assert main(world.command(out, "--display", "none")) == 0
    assert all((out / name).exists() for name in lost)
    assert rows(out / "base", "behaviour") == table
    assert main(["report", str(out)]) == 0
    assert json.loads((out / "manifest.json").read_text())["status"] == "done"


def test_files_that_no_checksum_stands_for_are_no_page(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(run, tmp_path / "run"))
    manifest = json.loads((out / "manifest.json").read_text())
    manifest |= {"files": {}}
    (out / "manifest.json").write_text(json.dumps(manifest | {"sha256": manifest_sha256(manifest)}))
    capsys.readouterr()
    assert main(["report", str(out)]) == 2
    assert "has no record of" in capsys.readouterr().err
