"""Progress in a log: plain lines, never two within five seconds, none for the impatient; stopping at a safe place."""

from __future__ import annotations

import itertools
import json
import os
import signal
from pathlib import Path

import pytest

from strata.dashboards.cli import display as display_module
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.stopping import Stopped
from strata.experiments.results.families import FamilyResult, Place
from strata.experiments.results.reasons import WhyNotPlaced


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(display_module.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_lines_every_five_percent_but_never_two_within_five_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    display = Display("plain", "run")
    times: list[float] = []
    for step in range(1001):
        display("capture", step, 1000, "items")
        if capsys.readouterr().err:
            times.append(clock[0])
        clock[0] += 0.3
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 5 and max(gaps) <= 30.5
    assert times[0] == 1000.0 and 15 <= len(times) <= 25


def test_slow_work_is_reported_every_thirty_seconds_with_rate_and_remaining_time(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    display = Display("plain", "run")
    display("capture", 0, 10_000, "items")
    capsys.readouterr()
    for step in range(1, 7):
        clock[0] += 6
        display("capture", step * 6, 10_000, "items")
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "\r" not in line
    assert "run capture 30/10,000 items (0%) 1.0 items/s ETA 2h46m" in line


def test_work_of_less_than_one_a_second_is_told_in_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    display = Display("plain", "run")
    for done in range(4):
        display("interventions", done, 8, "families")
        clock[0] += 24
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(" run interventions 3/8 families (38%) 24 s each ETA 2m00s")


def test_a_comparison_says_of_which_model_a_family_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    family = FamilyResult(
        kind="knowledge", pairs=18, entities=12, answers=12, offered=40, answered_both=0.9, span="language",
        place=Place(cell="move", first=23, last=23, interval=(22, 23), extent="blocks", depth=0.98, support=1.0),
    )  # fmt: skip
    unplaced = family.model_copy(
        update={"place": None, "why_not_placed": WhyNotPlaced(code="too-few-pairs", pairs=5, needed=12)}
    )
    display = Display("plain", "pair")
    display.found(tmp_path / "alone", "language", family)
    display.record_in(tmp_path / "pair")
    display.found(tmp_path / "pair" / "base", "language", family)
    display.found(tmp_path / "pair" / "distilled", "language", unplaced)
    assert capsys.readouterr().err.splitlines() == [
        "language: made by attention at the last token, block 23",
        "base, language: made by attention at the last token, block 23",
        "distilled, language: not placed: only 5 pairs answered on both sides, 12 needed",
    ]
    Display("none").found(tmp_path, "language", family)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_for_the_end_of_the_batch(number: signal.Signals) -> None:
    display = Display("none")
    reached = []
    with pytest.raises(Stopped) as stopped, display.listening():
        os.kill(os.getpid(), number)
        reached.append("the batch goes on")
        display("capture", 1, 2, "items")
        reached.append("never")
    assert reached == ["the batch goes on"] and stopped.value.exit_code == 128 + number
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_another_terminal_can_read_how_far_it_is(tmp_path: Path) -> None:
    display = Display("none")
    display.progress_file = tmp_path / "progress.json"
    display("capture", 5, 5, "items")
    state = json.loads(display.progress_file.read_text())
    assert (state["stage"], state["done"], state["total"]) == ("capture", 5, 5)


def test_stray_prints_do_not_reach_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    with only_results_on_stdout() as stdout:
        print("a library says hello")
        os.write(1, b"so does C\n")
        stdout.write("the result\n")
    captured = capfd.readouterr()
    assert captured.out == "the result\n"
    assert "a library says hello" in captured.err and "so does C" in captured.err
