"""`strata behave` as a person runs it, on a local word-level checkpoint: files, sentences, the page, resume, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from planted_models import write_planted
from r1_like import DISTILLED_CONTEXT, write_r1_like_pair
from small_world import save_checkpoint, small_items, write_items

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
    assert run.verb == "behave" and set(run.tables) == {"behaviour_items", "behaviour_layers", "behaviour_answers"}
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


def test_items_without_options_are_counted_and_refused_where_nothing_else_is_asked_for(
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
    only = ["--pressure-items", "0", "--chain-items", "0", "--thinking-problems", "0", "--thinking-facts", "0"]
    words = ["behave", str(model), "--items", str(file), *FAST]
    assert main([*words, "--out", str(tmp_path / "none"), *only]) == 2
    assert "offers a choice" in capfd.readouterr().err
    assert main([*words, "--out", str(tmp_path / "pressed"), "--thinking-facts", "0"]) == 0
    assert "1 item without pressure" in capfd.readouterr().out
    assert "Confidence by stream" in (tmp_path / "pressed" / "report.html").read_text()


def stepped_items() -> list[dict[str, object]]:
    """Some of them with steps that somebody wrote."""
    items = small_items()
    for place, item in enumerate(items):
        if item["kind"] == "reasoning" and place % 4:
            item["steps"] = [f"{place} is here", f"so it is{item['answer']}"]
    return items


def test_answers_are_written_fast_and_slow_and_the_steps_of_a_file_are_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, model = write_r1_like_pair(tmp_path / "pair")
    file, out = write_items(tmp_path / "items.jsonl", stepped_items()), tmp_path / "run"
    words = [str(model), "--items", str(file), "--out", str(out), "--thinking-problems", "12", "--thinking-facts", "4"]
    words += ["--chain-tokens", "6", "--pressure-items", "0", *FAST]
    assert main(["behave", *words]) == 0
    said = capfd.readouterr().out
    assert "thinking first" in said and "the steps written for the problem make the right answer likelier" in said
    answers = pq.read_table(out / "behaviour_answers.parquet").to_pandas()
    counts = answers["condition"].value_counts()
    assert counts["slow"] == counts["fast"] == 16
    assert not answers[answers["condition"] == "fast"]["text"].str.contains("<think>").any()
    thinking = json.loads((out / "summary.json").read_text())["behaviour"]["thinking"]
    assert thinking["tags"] == ["<think>", "</think>"] and set(thinking["fast_slow"]) == {"reasoning", "knowledge"}
    gain = thinking["information_gain"]["written"]["reasoning"]
    items = pq.read_table(out / "behaviour_items.parquet").to_pandas()
    steps = items[(items["measure"] == "information_gain_written") & (items["condition"] == "steps")]
    whole = steps[steps["step"].isna()]
    assert whole["gain"].mean() == pytest.approx(gain["gain"]["value"], abs=1e-6)
    assert steps[steps["step"].notna()]["gain"].sum() == pytest.approx(whole["gain"].sum(), abs=1e-3)
    view, page = json.loads((out / "view.json").read_text()), (out / "report.html").read_text()
    assert len(view["information_gain"][0]["panels"][0]["further"]) == 2
    assert "Fast and slow answers" in page and 'id="information_gain-panel"' in page
    assert main(["behave", *words, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["behaviour"]["thinking"] == thinking


@pytest.mark.parametrize(
    ("endless", "sentence"), [(6, "without a gain of the steps written"), (None, "with them no problem fits")]
)
def test_problems_whose_steps_do_not_fit_the_context_are_counted(
    endless: int | None, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`endless`: of how many items; None: of all."""
    _, model = write_r1_like_pair(tmp_path / "pair")
    items = stepped_items()
    stepped = [item for item in items if "steps" in item]
    for item in stepped[:endless]:
        item["steps"] = ["and so on " * DISTILLED_CONTEXT, "so it is"]
    file, out = write_items(tmp_path / "items.jsonl", items), tmp_path / "run"
    words = [str(model), "--items", str(file), "--out", str(out), "--thinking-problems", "12", "--thinking-facts", "0"]
    assert main(["behave", *words, "--chain-tokens", "4", "--pressure-items", "0", "--chain-items", "0", *FAST]) == 0
    assert sentence in " ".join(capfd.readouterr().out.split())
    thinking = json.loads((out / "summary.json").read_text())["behaviour"]["thinking"]
    read = thinking["information_gain"].get("written", {}).get("reasoning", {}).get("problems", 0)
    too_long = thinking["steps_too_long"]["written"]
    # As a control an endless chain leaves the problem aside that it is held against.
    assert read + too_long == 12 and (0 < too_long < 12 if endless else too_long == 12)
    assert thinking["why_no_steps"].get("written") == (None if endless else {"code": "context-too-short"})


def test_a_tokenizer_without_the_tags_thinks_nothing_and_says_so(finished: Path) -> None:
    thinking = json.loads((finished / "summary.json").read_text())["behaviour"]["thinking"]
    assert thinking["why"] == {"code": "tags-not-writable"} and thinking["fast_slow"] == {}
    assert "--think-tags" in (finished / "report.html").read_text()
