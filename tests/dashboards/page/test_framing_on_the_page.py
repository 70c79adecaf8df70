"""Does the page say how the items were asked: as raw text, or inside which chat?"""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from synthetic_comparison import body_of, view_of

from strata.dashboards.page.report_page import report_body
from strata.dashboards.view import build_view

PREFIX = "<|user|>\nGo <img src=x>\n<think>\n\n</think>\n\n"
SHOWN = "<|user|>⏎Go <img src=x>⏎<think>⏎⏎</think>⏎⏎"
HASH = "0f" * 32


def changed(file: Path, **entries: Any) -> None:
    held = json.loads(file.read_text())
    file.write_text(json.dumps({**held, **entries}))


def located(run: Path, config: dict[str, Any]) -> Path:
    manifest = json.loads((run / "manifest.json").read_text())
    checkpoint = {**manifest["checkpoint"], "chat_template_sha256": HASH}
    changed(run / "manifest.json", config={**manifest["config"], **config}, checkpoint=checkpoint)
    return run


def copied(run: Path, to: Path) -> Path:
    """One that may be changed."""
    return Path(shutil.copytree(run, to))


def text_of(body: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", "", body)))


@pytest.mark.parametrize(
    ("framing", "words"),
    [("chat", "inside the chat template"), ("empty-think", "inside the chat template after an empty think block")],
)
def test_a_chat_is_told_in_the_caption_and_with_its_prompt_prefix(
    synthetic: Path, tmp_path: Path, framing: Any, words: str
) -> None:
    run = located(copied(synthetic, tmp_path / "run"), {"framing": framing, "prompt_prefix": PREFIX})
    changed(run / "summary.json", warnings=[{"code": "framed", "framing": framing}])
    built = build_view(run)
    body = report_body(built)
    assert f"Asked {words}. An item is answered right" in text_of(body) and "<img" not in body
    view = built.as_json()
    facts = dict(view["provenance"]["facts"])
    assert (facts["Asked"], facts["Prompt prefix"], facts["Chat template sha256"]) == (words, SHOWN, HASH)
    caveat = {"code": "warning", "text": f"Asked {words}: not comparable with raw runs."}
    assert caveat in view["verdict"]["caveats"]


def test_a_raw_run_says_so_whether_or_not_it_was_made_before_there_was_a_choice(
    synthetic: Path, tmp_path: Path
) -> None:
    old = copied(synthetic, tmp_path / "old")
    for run in (old, located(copied(synthetic, tmp_path / "new"), {"framing": "raw", "prompt_prefix": ""})):
        built = build_view(run)
        assert "Asked as raw text. An item is answered right" in text_of(report_body(built))
        facts = dict(built.as_json()["provenance"]["facts"])
        assert facts["Asked"] == "as raw text" and "Prompt prefix" not in facts


def test_a_comparison_tells_it_too_with_the_distilled_models_template(comparison_run: Path, tmp_path: Path) -> None:
    run = copied(comparison_run, tmp_path / "run")
    assert "The same prompts, asked as raw text, paired by item" in text_of(body_of(run))
    config = json.loads((run / "manifest.json").read_text())["config"]
    config["locate"] = {"framing": "chat", "prompt_prefix": PREFIX}
    changed(run / "manifest.json", config=config, chat_template_sha256={"base": None, "distilled": HASH})
    assert "The same prompts, asked inside the chat template, paired by item" in text_of(body_of(run))
    facts = dict(view_of(run)["provenance"]["facts"])
    assert (facts["Asked"], facts["Prompt prefix"]) == ("inside the chat template", SHOWN)
    assert facts["Chat template sha256"] == HASH


def test_only_tags_that_close_are_no_paths(synthetic: Path, tmp_path: Path) -> None:
    run = located(copied(synthetic, tmp_path / "run"), {"prompt_prefix": "</think> </home/someone/x> /home/someone"})
    assert dict(build_view(run).as_json()["provenance"]["facts"])["Prompt prefix"] == "</think> <…/x> …/someone"
