"""Runs that are taken up again: families that were measured before a kill are read back; a run of the first rule is refused."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from planted_models import Planted, write_planted
from small_world import save_checkpoint, write_items
from strata_process import strata

from strata.dashboards.cli import main
from strata.experiments.locate.causal import pipeline
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate
from strata.experiments.run.controls import RunControls
from strata.experiments.run.files import file_sha256, manifest_sha256
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint

TABLES = ("windows", "places", "curves", "locations", "profiles")
CONFIG = LocateConfig(
    causal_map="quick", pairs=12, draws=100, folds=2, random_init=False, lens_maps=1, positions=("last",)
)
AS_OPTIONS = (
    "--causal-map", "quick", "--pairs", "12", "--draws", "100", "--folds", "2", "--no-random-init", "--lens-maps", "1",
    "--positions", "last",
)  # fmt: skip


def kill_at_the_third_family() -> None:
    measure, families = pipeline.measure_family, list[str]()

    def measured(checkpoint: Checkpoint, family: FamilyPairs, **options: Any) -> FamilyMeasurements:
        families.append(family.name)
        if len(families) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return measure(checkpoint, family, **options)

    pipeline.measure_family = measured


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    planted = write_planted(tmp_path_factory.mktemp("planted"), n_layers=6, retrieval=2, reasoning=4)
    lines = planted.items.read_text().splitlines(keepends=True)
    planted.items.write_text("".join(line for line in lines if json.loads(line)["kind"] != "composite"))
    return planted


@pytest.mark.thorough
def test_families_measured_before_a_kill_are_read_back_and_the_numbers_stay(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, measured = open_checkpoint(str(planted.checkpoint)), list[str]()
    measure = pipeline.measure_family

    def noted(checkpoint: Checkpoint, family: FamilyPairs, **options: Any) -> FamilyMeasurements:
        measured.append(family.name)
        return measure(checkpoint, family, **options)

    monkeypatch.setattr(pipeline, "measure_family", noted)
    whole = locate(checkpoint, CONFIG, tmp_path / "whole", items=planted.items)
    of_whole, out = list(measured), tmp_path / "killed"
    words = ("locate", planted.checkpoint, "--items", planted.items, "--out", out, *AS_OPTIONS)
    killed = strata(*words, first=kill_at_the_third_family)
    assert killed.returncode == -signal.SIGKILL and not (out / "summary.json").exists()
    kept = {file: file.stat().st_mtime_ns for file in (out / "activations" / "causal").glob("*.safetensors")}
    assert len(kept) == 2
    measured.clear()
    again = locate(checkpoint, CONFIG, out, items=planted.items, controls=RunControls(keep_activations=True))
    assert len(of_whole) > 3 and measured == of_whole[2:]
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    for name in TABLES:
        first, second = (pq.read_table(run / f"{name}.parquet") for run in (tmp_path / "whole", out))
        assert first.num_rows and first.replace_schema_metadata(None).equals(second.replace_schema_metadata(None)), name
    for name in ("families", "kinds", "order", "hypothesis", "causal", "warnings"):
        assert getattr(again, name) == getattr(whole, name), name


def as_first(run: Path) -> None:
    """Turns a run into one of the first rule: another schema, settings of that time, no tables of windows and places."""
    for name in ("windows.parquet", "places.parquet", "view.json", "report.html"):
        (run / name).unlink()
    summary = json.loads((run / "summary.json").read_text())
    families = [family["behaviour"] for family in summary["families"].values()]
    located = {"located": None, "why_not_located": "no block passes the three ablations", "pairs": {"used": 0}}
    kinds = {
        kind: {name: of_kind[name] for name in ("items", "used", "accuracy", "decided_by", "excluded", "instruments")}
        | located
        for kind, of_kind in summary["kinds"].items()
    }
    summary |= {
        "schema": "strata.summary/1", "families": families, "kinds": kinds,
        "order": {"verdict": "undetermined", "reason": "not located"},
    }  # fmt: skip
    del summary["hypothesis"]
    (run / "summary.json").write_text(json.dumps(summary))
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["config"] |= {"windows": [], "pairs": 18}
    for name in ("windows.parquet", "places.parquet"):
        del manifest["files"][name]
    manifest["files"]["summary.json"] = file_sha256(run / "summary.json")
    (run / "manifest.json").write_text(json.dumps(manifest | {"sha256": manifest_sha256(manifest)}))


def test_a_run_of_the_first_rule_is_not_taken_up_but_its_page_opens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, items, run = save_checkpoint(tmp_path / "tiny"), write_items(tmp_path / "items.jsonl"), tmp_path / "run"
    words = ["locate", str(model), "--items", str(items), "--out", str(run), "--causal-map", "none", "--no-random-init"]
    assert main([*words, "--draws", "200"]) == 0
    as_first(run)
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    capsys.readouterr()
    assert main([*words, "--draws", "200"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "windows" not in said.err
    assert "made by an earlier version" in said.err and "Give another --out" in said.err
    assert before == {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    assert main(["report", str(run)]) == 0, capsys.readouterr().err
    assert "first rule, which is withdrawn" in (run / "report.html").read_text()
    (run / "locations.parquet").unlink()
    assert main(["report", str(run)]) == 2 and "has no locations.parquet" in capsys.readouterr().err
