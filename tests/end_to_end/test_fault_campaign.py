"""A few trials of the fault campaign: no damaged file gives a traceback, a hang, other numbers, or an escape sequence on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "probes" / "checkpoints"))

from campaign.__main__ import BEGIN, END, report, written_into
from campaign.foreign_inputs import damaged_inputs, foreign_inputs
from campaign.kills import killed_at, started_twice
from campaign.resumable import resumables
from campaign.trial import FAULTS, Outcome, Result, Trial, judged, run_trial

N = 6
"""Trials of each kind."""


def test_damaged_inputs_are_read_or_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    inputs = foreign_inputs(tmp_path)
    results = [run_trial(trial, tmp_path) for given in inputs for trial in damaged_inputs(given, tmp_path, 7, N)]
    assert len(results) == len(inputs) * N
    assert [(result.trial.name, result.said) for result in results if result.outcome in FAULTS] == []
    assert {Outcome.REFUSED, Outcome.WENT_THROUGH} <= {result.outcome for result in results}


def test_a_killed_run_and_one_started_twice_end_as_one_that_nothing_disturbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    foreign_inputs(tmp_path)
    locate = resumables(tmp_path)["locate"]()
    results = [killed_at(locate, 0.5), *started_twice(locate, 20)]
    assert [result.said for result in results if result.outcome in FAULTS] == []
    assert [result.outcome for result in results] == [Outcome.RESUMED, Outcome.REFUSED, Outcome.RESUMED]


def test_the_table_of_a_document_is_renewed_between_its_marks() -> None:
    results = [Result(Trial("gguf", "x", ()), outcome, 0, 0.0, "") for outcome in (Outcome.REFUSED, Outcome.WRONG)]
    text = report(results, "0,1", 40)
    assert "seeds 0, 1" in text and "2 trials, 1 faults" in text and "| gguf | 2 | 0 | 0 | 1 | 1 | 0 | 0 |" in text
    once = written_into(f"before\n{BEGIN}\nold\n{END}\nafter\n", text)
    assert once == f"before\n{BEGIN}\n{text}\n{END}\nafter\n" == written_into(once, text)
    with pytest.raises(ValueError, match="has no"):
        written_into("no marks", text)


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "outcome"),
    [
        (0, b"fine\n", b"", Outcome.WENT_THROUGH),
        (0, b"\x1b[31mred\n", b"", Outcome.WRONG),
        (0, "\u202etxt".encode(), b"", Outcome.WRONG),
        (2, b"", b"strata: a. b.\n", Outcome.REFUSED),
        (2, b"", b"", Outcome.WRONG),
        (2, b"", b"strata: a.\nmore\n", Outcome.WRONG),
        (2, b"", b"strata: " + b"a" * 5000, Outcome.WRONG),
        (70, b"", b"Traceback (most recent call last):\n", Outcome.TRACEBACK),
        (-11, b"", b"", Outcome.TRACEBACK),
        (-9, b"", b"", Outcome.HANG),
    ],
)
def test_what_counts_as_what(code: int, stdout: bytes, stderr: bytes, outcome: Outcome) -> None:
    assert judged(Trial("x", "x", ()), code, stdout, stderr) is outcome
