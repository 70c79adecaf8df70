"""Runs that are taken up again: families that were measured before a kill are read back; a run of the first rule is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planted_models import Planted, write_planted
from small_world import save_checkpoint, write_items

from strata.experiments.run_files import file_sha256, manifest_sha256

TABLES = ("windows", "places", "curves", "locations", "profiles")
FAST = ("--causal-map", "quick", "--pairs", 12, "--draws", 100, "--folds", 2, "--no-random-init", "--lens-maps", 1, "--positions", "last")  # fmt: skip
KILLED_AT_THE_THIRD_FAMILY = """
import os, signal, sys
from strata.dashboards.cli import main
from strata.experiments.locate.causal import stage

measure, families = stage.measure_family, []

def measured(checkpoint, family, **options):
    families.append(family.name)
    if len(families) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(checkpoint, family, **options)

stage.measure_family = measured
sys.exit(main())
"""
COUNTED = """
import sys
from strata.dashboards.cli import main
from strata.experiments.locate.causal import stage

measure = stage.measure_family

def measured(checkpoint, family, **options):
    print("measures", family.name, file=sys.stderr)
    return measure(checkpoint, family, **options)

stage.measure_family = measured
sys.exit(main())
"""


def strata(*words: object, code: str = COUNTED) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True, text=True, timeout=600, env=environment, check=False,
    )  # fmt: skip


def measures(done: subprocess.CompletedProcess[str]) -> list[str]:
    lines = [line for line in done.stderr.splitlines() if line.startswith("measures ")]
    return [line.removeprefix("measures ") for line in lines]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    planted = write_planted(tmp_path_factory.mktemp("planted"), n_layers=6, retrieval=2, reasoning=4)
    lines = planted.items.read_text().splitlines(keepends=True)
    planted.items.write_text("".join(line for line in lines if json.loads(line)["kind"] != "composite"))
    return planted


def test_families_measured_before_a_kill_are_read_back_and_the_numbers_stay(planted: Planted, tmp_path: Path) -> None:
    words = ("locate", planted.checkpoint, "--items", planted.items, *FAST)
    whole = strata(*words, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    out = tmp_path / "killed"
    killed = strata(*words, "--out", out, code=KILLED_AT_THE_THIRD_FAMILY)
    assert killed.returncode == -9 and not (out / "summary.json").exists()
    kept = {file: file.stat().st_mtime_ns for file in (out / "activations" / "causal").glob("*.safetensors")}
    assert len(kept) == 2
    again = strata(*words, "--out", out, "--keep-activations")
    assert again.returncode == 0, again.stderr
    assert len(measures(whole)) > 3 and measures(again) == measures(whole)[2:]
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    for name in TABLES:
        first, second = (pq.read_table(run / f"{name}.parquet") for run in (tmp_path / "whole", out))
        assert first.num_rows and first.replace_schema_metadata(None).equals(second.replace_schema_metadata(None)), name
    summaries = [json.loads((run / "summary.json").read_text()) for run in (tmp_path / "whole", out)]
    for name in ("families", "kinds", "order", "hypothesis", "causal", "warnings"):
        assert summaries[0][name] == summaries[1][name], name


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


def test_a_run_of_the_first_rule_is_not_taken_up_but_its_page_opens(tmp_path: Path) -> None:
    model, items, run = save_checkpoint(tmp_path / "tiny"), write_items(tmp_path / "items.jsonl"), tmp_path / "run"
    words = ("locate", model, "--items", items, "--out", run, "--causal-map", "none", "--no-random-init", "--draws", 200)
    assert strata(*words).returncode == 0
    as_first(run)
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    refused = strata(*words)
    assert refused.returncode == 2 and refused.stdout == "" and "Traceback" not in refused.stderr
    assert "made by an earlier version" in refused.stderr and "Give another --out" in refused.stderr
    assert "windows" not in refused.stderr
    assert before == {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    opened = strata("report", run)
    assert opened.returncode == 0, opened.stderr
    assert "first rule, which is withdrawn" in (run / "report.html").read_text()
    (run / "locations.parquet").unlink()
    assert "has no locations.parquet" in strata("report", run).stderr
