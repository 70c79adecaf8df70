"""Does a run that was killed, or met a full disk, at any of its writes end with the numbers of one that wasn't?"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from campaign.damaged_runs import Runs
from campaign.trial import Outcome, Result, run_trial

MOST_WRITES = 400
"""More than a run of the tiny checkpoint has."""


def writes_of(runs: Runs) -> int:
    """How many files a run writes, counted in one that isn't disturbed."""
    counted = runs.room / "writes"
    counted.unlink(missing_ok=True)

    def count(_number: int) -> None:
        with counted.open("a") as file:
            file.write(".")

    shutil.rmtree(runs.copy, ignore_errors=True)
    run_trial(dataclasses.replace(runs.start("kills", "none"), first=_at_writes(count)), runs.room)
    return min(MOST_WRITES, len(counted.read_text()))


def disturbed(runs: Runs, seed: int, n: int) -> Iterator[Result]:
    """`n` runs killed before or after the end of a write, and `n` that met a full disk there; each is started again until it ends."""
    total = writes_of(runs)
    for number in range(n):
        rng = Random(f"{seed} kill {number}")
        yield _killed(runs, [rng.randrange(total) for _ in range(rng.choice([1, 1, 3]))], after=bool(number % 2))
    for number in range(n):
        yield _full(runs, Random(f"{seed} full {number}").randrange(total))


def _killed(runs: Runs, places: list[int], *, after: bool) -> Result:
    shutil.rmtree(runs.copy, ignore_errors=True)
    when = "after" if after else "before"
    for place in places:

        def kill(number: int, place: int = place) -> None:
            if number == place:
                os.kill(os.getpid(), signal.SIGKILL)

        trial = dataclasses.replace(runs.start("kills", f"{when} write {place}"), first=_at_writes(kill, after=after))
        run_trial(trial, runs.room)
    return runs.resumed(runs.start("kills", f"{when} writes {places}"))


def _full(runs: Runs, place: int) -> Result:
    shutil.rmtree(runs.copy, ignore_errors=True)

    def full(number: int) -> None:
        if number >= place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trial = dataclasses.replace(
        runs.start("full disk", f"from write {place} on"), first=_at_writes(full), expected=frozenset((3,))
    )
    met = run_trial(trial, runs.room)
    if met.outcome is not Outcome.REFUSED:
        return met
    return runs.resumed(runs.start("full disk", trial.name))


def _at_writes(then: Callable[[int], None], *, after: bool = False) -> Callable[[], None]:
    """Every whole file is flushed to disk and then renamed: in between, or behind, `then` is called with its number."""

    def install() -> None:
        numbers = iter(range(10**9))
        flush, rename = os.fsync, Path.replace

        def flushed(descriptor: int) -> None:
            if not after:
                then(next(numbers))
            flush(descriptor)

        def renamed(path: Path, target: Any) -> Path:
            renamed_path = rename(path, target)
            if after:
                then(next(numbers))
            return renamed_path

        os.fsync = flushed
        Path.replace = renamed  # type: ignore[method-assign]

    return install
