"""`strata behave` as a person runs it, on a local word-level checkpoint: files, sentences, the page, resume, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planted_models import write_planted
from small_world import save_checkpoint, write_items

from strata.dashboards.cli import main
from strata.dashboards.from_python.finished_run import load_run

FAST = ("--draws", "200", "--null-draws", "100", "--display", "none")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("behave")
    planted = write_planted(folder / "planted", retrieval=2, reasoning=5)
    words = [str(planted.checkpoint), "--items", str(planted.items), "--out", str(folder / "run"), *FAST]
    assert main(["behave", *words]) == 0
    return folder / "run"


def test_a_run_holds_its_tables_its_summary_and_its_page(finished: Path) -> None:
    run = load_run(finished)
    assert run.verb == "behave" and set(run.tables) == {"behaviour_items", "behaviour_layers"}
    confidence = json.loads((finished / "summary.json").read_text())["behaviour"]["confidence"]
    assert set(confidence) == {"knowledge", "reasoning", "composite", "control"}
    items = pq.read_table(finished / "behaviour_items.parquet").to_pandas()
    own = items[(items["condition"] == "own") & (items["kind"] == "reasoning")]
    assert own["correct"].mean() == pytest.approx(confidence["reasoning"]["accuracy"]["value"])
    assert own["brier"].mean() == pytest.approx(confidence["reasoning"]["brier"]["value"], abs=1e-12)
    over = own["confidence"].mean() - own["correct"].mean()
    assert over == pytest.approx(confidence["reasoning"]["overconfidence"]["value"], abs=1e-12)
    page = (finished / "report.html").read_text()
    view = json.loads((finished / "view.json").read_text())
    assert view["schema"] == "strata.behave-view/1" and len(view["confidence"]) == 4
    assert "mean confidence − accuracy" in page and "figures-blob" in page
    assert "mean confidence" in run._repr_html_()


def test_a_second_start_resumes_and_another_configuration_is_refused(
    finished: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = finished.parent / "planted"
    words = [str(planted / "model"), "--items", str(planted / "items.jsonl"), "--out", str(finished), *FAST]
    assert main(["behave", *words, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["schema"] == "strata.behave/1"
    assert main(["behave", *words, "--seed", "3"]) == 2
    assert "seed" in capfd.readouterr().err


def test_items_without_options_are_counted_and_none_at_all_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = save_checkpoint(tmp_path / "tiny")
    assert (
        main(
            [
                "behave",
                str(model),
                "--items",
                str(write_items(tmp_path / "i.jsonl")),
                "--out",
                str(tmp_path / "run"),
                *FAST,
            ]
        )
        == 0
    )
    said = capfd.readouterr().out
    assert "items without options to choose among" in said and "By stream: nothing is said" in said
    bare = [
        {
            "id": "a",
            "kind": "knowledge",
            "family": "f",
            "domain": "d",
            "prompt": "the a is",
            "answer": " 0",
            "foil": " 1",
        }
    ]
    file = tmp_path / "bare.jsonl"
    file.write_text(json.dumps(bare[0]) + "\n")
    assert main(["behave", str(model), "--items", str(file), "--out", str(tmp_path / "none"), *FAST]) == 2
    assert "offers a choice" in capfd.readouterr().err
