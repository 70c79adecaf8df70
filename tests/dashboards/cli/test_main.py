"""What stands before every verb: help in a user's words, and refusals that need no model."""

from __future__ import annotations

import errno
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


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_exit_code_3_wherever_it_is_met(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise error

    monkeypatch.setattr("strata.dashboards.cli.verb_items.run", full)
    assert main(["items", "list"]) == 3
    assert (
        capsys.readouterr().err
        == "strata: The disk is full. Free some space and start again: finished parts are kept.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["items", "list", "--jsn"], "Did you mean --json?"),
        (["locate", "smollm2", "--quik"], "Did you mean --quick?"),
        (["locate", "smollm2", "--per-familly=3"], "Did you mean --per-family?"),
        (["plan", "smolm2", "--no-trial"], "Did you mean smollm2?"),
        (["plan", "r1-distil-qwen-7b", "--no-trial"], "Did you mean r1-distill-qwen-7b?"),
        (["items", "show", "capitol"], "Did you mean capital?"),
        (["itms"], "Did you mean items?"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_was_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert meant in capsys.readouterr().err


def test_a_name_of_any_length_is_shortened_and_its_remedy_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["items", "show", "x" * 100_000]) == 2
    said = capsys.readouterr().err
    assert len(said) < 3000 and said.startswith("strata: ") and said.endswith(".\n") and "…" in said
