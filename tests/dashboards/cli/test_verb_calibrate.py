"""Does `strata calibrate` print what its rows say, with a localisation that is known?"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from strata.dashboards.cli.main import main
from strata.experiments.calibrate import real_family_power
from strata.experiments.calibrate.comparisons import compare_pairs
from strata.experiments.calibrate.comparisons.comparison_claims import ComparisonClaims
from strata.experiments.calibrate.comparisons.written_pair import PairFiles
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.similar_families import facts, sums
from strata.experiments.compare.config import CompareConfig
from strata.experiments.results.calibration import Calibration


def always_block_three(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> dict[str, Any]:
    place = {"cell": "enrich", "first": 3, "last": 3, "interval": [2, 4], "extent": "blocks"}
    named = {json.loads(line)["family"]: json.loads(line)["kind"] for line in items.read_text().splitlines()}
    families = {name: {"kind": kind, "place": place, "cells": {}} for name, kind in named.items()}
    return {"families": families, "kinds": {}, "order": {"verdict": "retrieval-first"}}


@pytest.fixture
def localised(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("strata.experiments.locate.interventions_only")
    module.localise_summary = always_block_three
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("localised")
def test_tables_and_json_say_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    command = ["calibrate", "--half", "tune", "--only", "subject below last", "--nulls", "1", "--workers", "1", "--out", str(tmp_path), "--display", "none"]  # fmt: skip
    assert main(command) == 0
    shown = capfd.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("subject below last")).split()
    # Three families of facts in block 3 are right, three of sums are wrong; the order is right; all six ends are held.
    assert row[3:] == ["6", "3", "0", "0", "3", "1", "0", "0", "100%", "of", "6", "3.0", "–"]
    left = tmp_path / ".calibration.json.4000000.part"
    left.write_text("{")
    assert main([*command, "--json"]) == 0 and not left.exists(), "what a kill has left is taken away"
    result = json.loads(capfd.readouterr().out)
    assert result["schema"] == "strata.calibration/2" and result["sample"] == "chosen"
    places = result["by_model"][0]["places"]
    assert [places[said] for said in ("right", "part", "silent", "wrong")] == [3, 0, 0, 3]
    assert result["nulls"][0]["orders"]["part"] == 1 and result["nulls"][0]["families_placed"]["part"] == 8
    assert Calibration.model_validate_json((tmp_path / "calibration.json").read_text()).as_json() == result
    page = (tmp_path / "report.html").read_text()
    assert "within one block in 50%" in page and "By variant of the plant" in page and "<svg" in page


@pytest.mark.usefixtures("localised")
def test_a_name_that_nothing_has_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--only", "nowhere", "--out", str(tmp_path)]) == 2
    assert "named like nowhere" in capfd.readouterr().err


FEW = Construction("few", "tune", 5, facts([2], 3, controls=0) + sums([3], 2, controls=0))


def test_a_model_of_ones_own_is_measured_once_and_subsampled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    files = write_construction(tmp_path, FEW)
    command = ["calibrate", "--half", "none", "--real", str(files.checkpoint), "--items", str(files.items)]
    command += ["--families", "emblem", "--out", str(tmp_path / "out"), "--display", "none"]
    assert main(command) == 0
    shown = [line.split() for line in capfd.readouterr().out.splitlines()]
    rows = [line for line in shown if line and line[0] == "emblem"]
    assert [line[9] for line in rows] == ["8", "12", "18", "24"] and not any("where" in line[:1] for line in shown)
    assert all(line[2:9] == ["enrich", "2–2", "[2–2],", "in", "100%", "of", "draws"] for line in rows)
    assert all(line[10:] == ["100%", "of", "20", "100%", "of", "20", "0%", "of", "20"] for line in rows[1:])

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("it was measured already")

    monkeypatch.setattr(real_family_power, "measure_family", never)
    assert main([*command, "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    (family,) = result["real"]
    assert family["place"] == {"cell": "enrich", "first": 2, "last": 2, "interval": [2, 2], "support": 1.0}
    assert [(of["pairs"], of["subsets"]) for of in family["by_pairs"]] == [(8, 20), (12, 20), (18, 20), (24, 20)]
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 1


def test_coverage_of_simulated_families_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["calibrate", "--half", "none", "--coverage", "1", "--out", str(tmp_path), "--display", "none"]
    assert main(command) == 0
    shown = [line.split() for line in capfd.readouterr().out.splitlines()]
    assert [line[:2] for line in shown if line and line[0] in ("small", "middle", "large", "all")] == [
        ["small", "1"],
        ["middle", "1"],
        ["large", "1"],
        ["all", "3"],
    ]


def test_families_without_a_model_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--half", "none", "--families", "emblem", "--out", str(tmp_path)]) == 2
    assert "--real CHECKPOINT" in capfd.readouterr().err


def test_nothing_asked_for_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--half", "none", "--out", str(tmp_path)]) == 2
    assert "--coverage N" in capfd.readouterr().err


def test_planted_pairs_are_compared_printed_and_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")

    def always_the_facts(files: PairFiles, config: CompareConfig, run: Path) -> ComparisonClaims:
        source = {"block": 2, "recovered": 1.0, "cell": "enrich", "brought": 0.9}
        kinds = {"knowledge": {"claimed": -1, "falls_as_asked": True, "source": source}, "reasoning": {"claimed": 0, "falls_as_asked": False}}  # fmt: skip
        return ComparisonClaims.model_validate({"kinds": kinds, "stayed": 2})

    monkeypatch.setattr(compare_pairs, "ask_compare", always_the_facts)
    command = ["calibrate", "--half", "none", "--pairs", "2", "--out", str(tmp_path), "--display", "none", "--workers", "1"]  # fmt: skip
    assert main(command) == 0
    shown = capfd.readouterr().out
    # The first pair differs in these facts, the second in sums, of which nothing was said.
    row = next(line for line in shown.splitlines() if line.startswith("all pairs"))
    assert [cell.split(" (")[0] for cell in re.split(r"\s{2,}", row)] == [
        "all pairs", "2", "1 of 2", "0 of 2", "1 of 2", "2 of 4", "2 of 2", "4 of 4", "1 of 2", "0",
    ]  # fmt: skip
    assert main([*command, "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    assert [(one["change"], one["named"]["part"], one["alarms"]["part"]) for one in result["comparisons"]] == [
        ("facts table", 1, 0), ("reasoning table", 0, 1), ("all", 1, 1),
    ]  # fmt: skip
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2
    page = (tmp_path / "report.html").read_text()
    assert "Comparisons of planted pairs" in page and "Planted pairs one by one" in page
    assert main([*command[:4], "many", *command[5:]]) == 2 and "--pairs" in capfd.readouterr().err
    assert main([*command[:4], "99", *command[5:]]) == 2 and "planted pairs, and 99" in capfd.readouterr().err
