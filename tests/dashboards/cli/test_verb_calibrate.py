"""Does `strata calibrate` print what its rows say, with a localisation that is known?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from strata.dashboards.cli.main import main


def always_block_three(checkpoint: Any, items: Path, *, seed: int = 0, max_pairs: int = 48) -> dict[str, Any]:
    place = {"cell": "enrich", "first": 3, "last": 3, "interval": [2, 4], "extent": "blocks"}
    named = {json.loads(line)["family"]: json.loads(line)["kind"] for line in items.read_text().splitlines()}
    families = {name: {"kind": kind, "place": place, "cells": {}} for name, kind in named.items()}
    return {"families": families, "kinds": {}, "order": {"verdict": "retrieval-first"}}


@pytest.fixture
def localised(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("strata.experiments.locate.localise")
    module.localise_summary = always_block_three  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("localised")
def test_tables_and_json_say_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    command = ["calibrate", "--half", "tune", "--only", "subject below last", "--nulls", "1", "--out", str(tmp_path), "--display", "none"]  # fmt: skip
    assert main(command) == 0
    shown = capfd.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("subject below last")).split()
    # Three families of facts in block 3 are right, three of sums are wrong; the order is right; all six ends are held.
    assert row[3:] == ["6", "3", "0", "0", "3", "1", "0", "0", "100%", "of", "6", "3.0"]
    assert main([*command, "--json"]) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["by_construction"]["subject below last"]["places"] == {"right": 3, "part": 0, "silent": 0, "wrong": 3}
    assert result["nulls"]["random"]["orders"] == 1 and result["nulls"]["random"]["placed"] == 8


@pytest.mark.usefixtures("localised")
def test_a_name_that_nothing_has_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--only", "nowhere", "--out", str(tmp_path)]) == 2
    assert "named like nowhere" in capfd.readouterr().err
