"""What stands before every verb: help in a user's words, and refusals that need no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strata.dashboards.cli.main import VERBS, main


def test_help_tells_a_user_what_strata_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "At which depth of a language model" in shown and "Finds the verb" not in shown
    assert all(f"\n  {verb} " in shown for verb in VERBS) and "exit codes: 0 done" in shown


def test_an_argument_that_is_not_utf8_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lens", "smollm2", "caf\udce9"]) == 2
    assert (
        capsys.readouterr().err == "strata: Argument 3 ('caf?') is not UTF-8. Give it in UTF-8, or rename the file.\n"
    )


def test_a_question_is_not_followed_by_a_full_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reprot"]) == 2
    assert capsys.readouterr().err == "strata: There is no verb 'reprot'. Did you mean report?\n"


@pytest.mark.parametrize("control", [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e"])
def test_no_control_of_foreign_text_reaches_the_terminal(
    control: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps({"prompt": "a b", f"l{control}[31mab": "x"}) + "\n")
    assert main(["probe", "smollm2", str(file), "--target", "zzz", "--out", str(tmp_path / "run")]) == 2
    shown = capsys.readouterr().err
    assert "ab" in shown and shown.endswith("\n") and shown.removesuffix("\n").isprintable()
    assert main(["capture", "smollm2", f"gone{control}.txt".replace("\0", ""), "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.removesuffix("\n").isprintable()
