"""While `locate` and `compare` run, a person reads what has been found of every family, not only which stage is on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted_models import write_planted
from small_comparison import without_probes

from strata.dashboards.cli import main
from strata.dashboards.cli.display import Display

SMALL = (
    "--causal-map", "quick", "--pairs", "12", "--draws", "100", "--folds", "2", "--no-random-init", "--lens-maps", "0",
    "--positions", "last",
)  # fmt: skip


def test_every_family_is_told_with_its_place_once_it_is_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = write_planted(tmp_path / "model", n_layers=6, retrieval=2, reasoning=4)
    lines = planted.items.read_text().splitlines(keepends=True)
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(line for line in lines if json.loads(line)["kind"] in ("knowledge", "reasoning")))
    words = ["locate", str(planted.checkpoint), "--items", str(asked), "--out", str(tmp_path / "run"), *SMALL]
    events: list[str] = []
    shown, noted = Display.__call__, Display.note

    def heard(display: Display, stage: str, done: int, total: int | None, unit: str) -> None:
        events.append(f"{stage} {done}")
        shown(display, stage, done, total, unit)

    def said(display: Display, sentence: str) -> None:
        events.append(sentence)
        noted(display, sentence)

    monkeypatch.setattr(Display, "__call__", heard)
    monkeypatch.setattr(Display, "note", said)
    with without_probes():
        assert main([*words, "--display", "plain"]) == 0
    told = capfd.readouterr().err.splitlines()
    families = json.loads((tmp_path / "run" / "summary.json").read_text())["families"]
    assert {(family["place"]["cell"], family["place"]["first"]) for family in families.values()} == {
        ("enrich", 2), ("work_out", 4),
    }  # fmt: skip
    for name, family in families.items():
        where = f"MLP at the {family['span']}" if family["place"]["cell"] == "enrich" else "MLP at the last token"
        line = f"{name}: made by {where}, block {family['place']['first']}"
        assert told.count(line) == 1
        assert events.index("interventions 0") < events.index(line) < events.index(f"interventions {len(families)}")
