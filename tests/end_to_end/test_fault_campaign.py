"""A few trials of the fault campaign: no damaged file gives a traceback, a hang, other numbers, or an escape sequence on the terminal."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "probes" / "checkpoints"))

from campaign.foreign_inputs import damaged_inputs, foreign_inputs
from campaign.kills import killed_at, started_twice
from campaign.record import BEGIN, END, Part, keep, kept, report, written_into
from campaign.resumable import Resumable, resumables
from campaign.standing_still import Watch
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


def test_killed_runs_and_one_started_twice_end_as_one_that_nothing_disturbs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    foreign_inputs(tmp_path)
    made = resumables(tmp_path)
    locate = made["locate"]()
    results = [killed_at(locate, 0.5), *started_twice(locate, 20), killed_at(made["behave"](), 0.5)]
    assert [result.said for result in results if result.outcome in FAULTS] == []
    assert [result.outcome for result in results] == [
        Outcome.RESUMED, Outcome.REFUSED, Outcome.RESUMED, Outcome.RESUMED,
    ]  # fmt: skip


def test_a_result_that_differs_is_wrong_however_well_it_ended(tmp_path: Path) -> None:
    def same(_: Path) -> dict[str, bytes]:
        return {"a": b"1"}

    made = Resumable.__new__(Resumable)
    made.copy, made.whole, made._finished = tmp_path, {"a": b"2", "b": b"3"}, same
    judgement = made.judged(Result(Trial("x", "x", ()), Outcome.WENT_THROUGH, 0, 0.0, ""))
    assert judgement.outcome is Outcome.WRONG and "['a', 'b'] differ" in judgement.said


@pytest.mark.parametrize(("doing", "stands_still"), [("waits", True), ("works", False)])
def test_what_waits_is_told_from_what_only_has_no_processor(doing: str, stands_still: bool) -> None:
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        while doing == "works":
            pass
        time.sleep(60)
        os._exit(0)
    watch, found, until = Watch(child, looks=20, every=0.005), False, time.monotonic() + 60
    looks = 0
    while not found and looks < 40 and time.monotonic() < until:
        time.sleep(0.006)
        looks += 1
        found = watch.stands_still()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert found is stands_still


def test_the_table_of_a_document_is_renewed_between_its_marks(tmp_path: Path) -> None:
    def part(name: str, seed: int, *outcomes: Outcome, code: str = "a") -> Part:
        results = [Result(Trial("gguf", "x", ()), outcome, 0, 0.0, "") for outcome in outcomes]
        return Part.of(name, seed, 40, code, results)

    file = tmp_path / "kept" / "parts.jsonl"
    for made in (
        part("gguf", 0, Outcome.TRACEBACK),
        part("gguf", 1, Outcome.WRONG, code="b"),
        part("gguf", 0, Outcome.REFUSED, Outcome.REFUSED),
    ):
        keep(file, made)
    text = report(kept(file))
    assert "seeds 0, 1, `--trials 40`, in parts, on 2 states of the code: 3 trials, 1 faults" in text
    assert "| gguf | 3 | 0 | 0 | 2 | 1 | 0 | 0 |" in text and text.splitlines()[-1].startswith("| all | 3 |")
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
