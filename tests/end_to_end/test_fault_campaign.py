"""A few trials of the fault campaign: no damaged file gives a traceback, a hang, other numbers, or an escape sequence on the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "probes" / "checkpoints"))

from campaign.foreign_inputs import damaged_inputs, foreign_inputs
from campaign.trial import FAULTS, Outcome, Trial, judged, run_trial

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
