"""Items of one kind alone: no axes, no row and no sentence about the kind that nobody asked."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from open_pages import opened
from small_world import save_checkpoint, small_items, write_items

from strata.dashboards.cli.main import main

FAST = (
    *(
        "--causal-map",
        "quick",
        "--pairs",
        "4",
        "--draws",
        "100",
        "--no-random-init",
        "--lens-maps",
        "1",
        "--folds",
        "3",
    ),
    *("--damage-texts", "2", "--positions", "last", "--batch-tokens", "4096", "--display", "none"),
)
COMPARING = (
    *("--swap-pairs", "4", "--crossed-positions", "last", "--generated", "0", "--no-spectra", "--contrast-items", "8"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("one-kind")
    base = save_checkpoint(directory / "base")
    items = [item for item in small_items() if item["kind"] == "knowledge"]
    return {
        "base": base,
        "tuned": Path(shutil.copytree(base, directory / "tuned")),
        "items": write_items(directory / "items.jsonl", items),
        "locate": directory / "locate",
        "compare": directory / "compare",
    }


def text_of(page: Path) -> str:
    bare = re.sub(r"<(script|style).*?</\1>", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", bare)))


def test_a_knowledge_run_says_nothing_of_reasoning(world: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    run = world["locate"]
    assert main([str(word) for word in ("locate", world["base"], "--items", world["items"], "--out", run, *FAST)]) == 0
    out = capfd.readouterr().out
    assert "knowledge: " in out and "reasoning" not in out.lower() and "order" not in out.lower()
    text = text_of(run / "report.html").partition("Provenance")[0]
    assert "order:" not in text and not re.search(r"reasoning|two-hop items (?!with)", text, re.IGNORECASE)
    view: dict[str, Any] = json.loads((run / "view.json").read_text())
    assert {entry["kind"] for entry in view["verdict"]["kinds"]} == {"knowledge"}
    assert view["verdict"]["intermediates"] == ""


def test_a_comparison_of_knowledge_says_of_reasoning_only_that_the_story_needs_it(
    world: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    run = world["compare"]
    words = ("compare", world["base"], world["tuned"], "--items", world["items"], "--out", run, *FAST, *COMPARING)
    assert main([str(word) for word in words]) == 0
    view: dict[str, Any] = json.loads((run / "view.json").read_text())
    *sentences, hypothesis = view["verdict"]["sentences"]
    assert sentences and not any("reasoning" in sentence.lower() for sentence in sentences)
    assert hypothesis.endswith("is undetermined here: no reasoning items were asked.")
    caveats = [caveat["text"].lower() for caveat in view["verdict"]["caveats"] if caveat["code"] != "control"]
    assert caveats and not any("reasoning" in caveat for caveat in caveats)
    assert {row["kind"] for row in view["locations"]["rows"]} == {"knowledge"} and view["locations"]["orders"] == []
    assert {entry["kind"] for entry in view["halves"]} <= {"knowledge"}
    for part in ("layer_swaps", "crossed", "contrasts", "similarity"):
        of_part = [*view[part]["lines"], *view[part].get("reasons", [])]
        assert {entry["kind"] for entry in of_part} <= {"knowledge", ""}, part


@pytest.mark.browser
@pytest.mark.parametrize("name", ["locate", "compare"])
def test_no_axes_are_drawn_without_a_line(browser: Any, world: dict[str, Path], name: str) -> None:
    with opened(browser, world[name] / "report.html", viewport={"width": 1400, "height": 900}) as tab:
        empty = tab.evaluate(
            """() => [...document.querySelectorAll('.plot')].flatMap((gd) => {
                const used = new Set(gd.data.filter((t) => t.type === 'heatmap' || (t.x || []).length && t.marker?.opacity !== 0)
                  .map((t) => `${t.xaxis || 'x'}${t.yaxis || 'y'}`));
                return (gd._fullLayout._subplots.cartesian || []).filter((one) => !used.has(one)).map((one) => `${gd.closest('.panel').id} ${one}`);
            })"""
        )
    assert empty == []
