"""How a person sees long work: bars on a terminal, plain lines in a log, nothing when asked for silence."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.cli.terminal import PlainConsole, warn
from strata.dashboards.number_formats import seconds_text
from strata.probes.files.atomic_writes import write_whole

if TYPE_CHECKING:
    from strata.experiments.results.families import FamilyResult

DISPLAYS = ("auto", "rich", "plain", "none")
_EVERY_SECONDS, _AT_LEAST_SECONDS, _EVERY_SHARE = 30.0, 5.0, 0.05


class Display:
    """A `strata.probes.progress.Progress` that shows itself on stderr and obeys a request to stop between two batches."""

    def __init__(self, mode: str, label: str = "") -> None:
        if mode == "auto":
            mode = "rich" if sys.stderr.isatty() else "plain"
        self.mode, self.label = mode, label
        self.progress_file: Path | None = None
        self._stop: int | None = None
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._lines = _Lines(label)
        self._written = 0.0
        self.console = PlainConsole()

    def __call__(self, stage: str, done: int, total: int | None, unit: str) -> None:
        if self.mode == "rich":
            self._draw(stage, done, total, unit)
        elif self.mode == "plain":
            self._lines.report(stage, done, total, unit)
        self._record(stage, done, total, unit)
        if self._stop is not None:
            raise Stopped(self._stop)

    def record_in(self, run: Path) -> None:
        """From now on others can read there how far the work is."""
        self.progress_file = run / "progress.json"

    def note(self, sentence: str) -> None:
        """One line that stays."""
        if self.mode != "none":
            self.console.print(sentence, soft_wrap=True)

    def found(self, run: Path, family: str, result: FamilyResult) -> None:
        """What the work has found of a family, in a line that stays. `run`: of the model, which a comparison has several of."""
        if self.mode != "none":
            from strata.dashboards.sentences.families import found_words

            of_comparison = self.progress_file is not None and self.progress_file.parent != run
            self.note(found_words(family, result, run.name if of_comparison else None))

    @contextmanager
    def listening(self) -> Iterator[Display]:
        """While open, SIGINT and SIGTERM stop the work at the next safe place; a second SIGINT stops it at once."""

        def ask(number: int, _frame: FrameType | None) -> None:
            if self._stop is not None:
                signal.signal(number, signal.SIG_DFL)
                raise Stopped(number)
            self._stop = number
            self.note("stopping after this batch (once more to stop at once) …")

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self.mode == "rich":
                with Progress(
                    TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[amount]}", markup=False),
                    TimeElapsedColumn(), TimeRemainingColumn(), console=self.console,
                ) as self._bars:  # fmt: skip
                    yield self
            else:
                yield self
        finally:
            self._bars = None
            for number, handler in before.items():
                signal.signal(number, handler)

    def _draw(self, stage: str, done: int, total: int | None, unit: str) -> None:
        if self._bars is None:
            return
        amount = _amount(done, total, unit)
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(escaped(stage), total=total, amount=amount)
        self._bars.update(self._tasks[stage], completed=done, total=total, amount=amount)

    def _record(self, stage: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if self.progress_file is None or (now - self._written < 1.0 and done != total):
            return
        from strata.experiments.run.progress_file import PROGRESS_FILE, RunProgress

        self._written = now
        state = RunProgress(stage=stage, done=done, total=total, unit=unit, at=time.time())
        write_whole(self.progress_file, json.dumps(PROGRESS_FILE.plain(state)))


class _Lines:
    """Plain progress for logs: at start and end, every 30 s or 5 %, never two within 5 s."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._stage: str | None = None
        self._at, self._share = -math.inf, -1.0
        self._recent: deque[tuple[float, int]] = deque(maxlen=20)

    def report(self, stage: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        share = done / total if total else 0.0
        if stage != self._stage:
            # A stage may follow within seconds: its beginning then goes unsaid, its progress does not.
            self._stage, self._recent, self._share = stage, deque(maxlen=20), -1.0
        self._recent.append((now, done))
        waited, gained = now - self._at, share - self._share
        ended = total is not None and done >= total and self._share < 1.0
        due = self._share < 0 or ended or waited >= _EVERY_SECONDS or gained >= _EVERY_SHARE
        if not due or waited < _AT_LEAST_SECONDS:
            return
        self._at, self._share = now, share
        warn(self._line(stage, done, total, unit, share))

    def _line(self, stage: str, done: int, total: int | None, unit: str, share: float) -> str:
        clock = time.strftime("%H:%M:%S")
        text = f"{clock} {self.label + ' ' if self.label else ''}{stage} {_amount(done, total, unit)}"
        if total:
            text += f" ({share:.0%})"
        (then, before), (now, current) = self._recent[0], self._recent[-1]
        if now - then > 0.5 and current > before:
            rate = (current - before) / (now - then)
            text += f" {_short(rate)} {unit}/s" if rate >= 1 else f" {_short(1 / rate)} s each"
            if total and done < total:
                text += f" ETA {seconds_text((total - done) / rate)}"
        return text


def _amount(done: int, total: int | None, unit: str) -> str:
    if unit == "B":
        return f"{done / 1e6:.1f}/{total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    return f"{done:,}/{total:,} {unit}" if total is not None else f"{done:,} {unit}"


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


@contextmanager
def only_results_on_stdout() -> Iterator[Any]:
    """Yields the real stdout; until the end everything else that prints there, C libraries too, goes to stderr."""
    import os

    sys.stdout.flush()
    stdout_copy = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(stdout_copy, "w", encoding="utf-8", newline="\n") as real:
        try:
            with redirect_stdout(sys.stderr):
                yield real
        finally:
            real.flush()
            sys.stdout.flush()
            os.dup2(real.fileno(), 1)
