"""What becomes of one command on one hostile input? Run in a child of its own, with limits, and judged by what it leaves."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from campaign.standing_still import Watch

CPU_SECONDS = 10
"""Of one trial: what takes longer is a hang. Time of its own processor, so that a busy machine makes none."""
MEMORY_BYTES = 6 << 30
LONGEST_SENTENCE = 2000
_CODE_OF_TRACEBACK = 70
_ESCAPES = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xaa-\xae]|\xe2\x81[\xa6-\xa9]")


class Outcome(StrEnum):
    """Columns of the campaign's table."""

    WENT_THROUGH = "went through"
    RESUMED = "resumed"
    REFUSED = "refused in one sentence"
    WRONG = "wrong"
    TRACEBACK = "traceback"
    HANG = "hang"


FAULTS = (Outcome.WRONG, Outcome.TRACEBACK, Outcome.HANG)
"""Of these there may be none."""


@dataclass(frozen=True)
class Trial:
    """One command line, already prepared on disk."""

    kind: str
    """Line of the table."""
    name: str
    """What was done to the input."""
    argv: tuple[str, ...]
    expected: frozenset[int] = frozenset((0, 1, 2, 3))
    """Exit codes that are right; 1 is a check that failed."""
    cpu_seconds: int = CPU_SECONDS
    memory_bytes: int = MEMORY_BYTES
    """Of its address space."""
    first: Callable[[], None] | None = None
    """Is called in the child before the command: to break what the command will meet."""


@dataclass(frozen=True)
class Result:
    trial: Trial
    outcome: Outcome
    code: int
    seconds: float
    said: str
    """What stood on stderr, its end."""


def run_trial(trial: Trial, scratch: Path) -> Result:
    """Forks: the parent has loaded the libraries, so a trial costs what its input costs."""
    return ended(begin(trial, scratch))


@dataclass(frozen=True)
class Begun:
    """A trial that runs."""

    trial: Trial
    child: int
    at: float
    out: Path
    err: Path


def begin(trial: Trial, scratch: Path) -> Begun:
    """Several may run at once, each with a `scratch` directory of its own."""
    out, err = scratch / "stdout", scratch / "stderr"
    began = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_the_command(trial, out, err)
    return Begun(trial, child, began, out, err)


def ended(begun: Begun) -> Result:
    """Waits for its end."""
    code = _waited(begun.child)
    seconds = time.monotonic() - begun.at
    stdout, stderr = begun.out.read_bytes(), begun.err.read_bytes()
    outcome = judged(begun.trial, code, stdout, stderr)
    return Result(begun.trial, outcome, code, seconds, stderr[-3000:].decode("utf-8", "replace"))


def judged(trial: Trial, code: int, stdout: bytes, stderr: bytes) -> Outcome:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Outcome.HANG
    if code < 0 or code == _CODE_OF_TRACEBACK or b"Traceback (most recent call last)" in stderr:
        return Outcome.TRACEBACK
    if _ESCAPES.search(stdout) or _ESCAPES.search(stderr) or code not in trial.expected:
        return Outcome.WRONG
    if code in (0, 1):
        return Outcome.WENT_THROUGH
    lines = [line for line in stderr.splitlines() if line.startswith(b"strata: ")]
    one_sentence = len(lines) == 1 and stderr.splitlines()[-1] == lines[0] and len(lines[0]) <= LONGEST_SENTENCE
    return Outcome.REFUSED if one_sentence else Outcome.WRONG


def _waited(child: int) -> int:
    watch = Watch(child)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if watch.stands_still():
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -signal.SIGKILL
        time.sleep(0.005)


def _be_the_command(trial: Trial, out: Path, err: Path) -> None:
    code = _CODE_OF_TRACEBACK
    try:
        os.setpgid(0, 0)
        for stream, file in ((1, out), (2, err)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_CPU, (trial.cpu_seconds, trial.cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_AS, (trial.memory_bytes, trial.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        from strata.dashboards.cli.main import main

        if trial.first is not None:
            trial.first()
        code = main(trial.argv)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
