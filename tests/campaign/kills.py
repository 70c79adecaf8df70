"""Does a command that was killed, met a full disk, got too little memory or was started twice end with what it leaves undisturbed?"""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from campaign.resumable import Resumable
from campaign.trial import Outcome, Result, begin, ended, run_trial

CHAIN = 50
"""Fewest kills of one run."""
MOST_STARTS = 600
FEW_WRITES = 8
"""A run of a chain is killed after at most so many: opening it takes some of them."""
_NEVER = 10**9


def disturbed(command: Resumable, seed: int, n: int) -> Iterator[Result]:
    """`n` kills at writes (at each of them, where there are no more), `n` at random moments, `n` full disks, `n` limits of memory,
    one run that is killed at each of its files and one that is started twice at once."""
    writes, seconds = _measured(command)
    rng = Random(f"{seed} kills of {command.verb}")
    places = rng.sample(range(writes), writes)
    for number in range(n):
        yield _killed(command, places[number % writes], after=number % 2 == 1)
    for number in range(n):
        moment = Random(f"{seed} moment {command.verb} {number}").random() * seconds
        yield killed_at(command, moment)
    for number in range(n):
        yield _full(command, Random(f"{seed} full {command.verb} {number}").randrange(writes))
    for number in range(n):
        yield _little_memory(command, Random(f"{seed} memory {command.verb} {number}").randrange(1, 600))
    yield _killed_often(command, Random(f"{seed} chain {command.verb}"))
    yield from started_twice(command, rng.randrange(writes))


def _measured(command: Resumable) -> tuple[int, float]:
    """How many files a run writes and how many seconds of processor time it takes, in one that isn't disturbed."""
    counted, clock = command.room / "writes", command.room / "clock"
    counted.unlink(missing_ok=True)

    def count(_number: int) -> None:
        with counted.open("a") as file:
            file.write(".")
        clock.write_text(str(time.process_time()))

    _afresh(command)
    run_trial(command.start("kills", "none", _at_writes(count)), command.room)
    # The clock of a fork begins at 0.
    return len(counted.read_text()), float(clock.read_text())


def _killed(command: Resumable, place: int, *, after: bool) -> Result:
    _afresh(command)
    name = f"{'after' if after else 'before'} write {place}"
    kind = f"{command.verb}, killed at a write"
    run_trial(command.start(kind, name, _at_writes(_kill_at(place), after=after)), command.room)
    return command.resumed(command.start(kind, name))


def killed_at(command: Resumable, moment: float) -> Result:
    _afresh(command)
    kind, name = f"{command.verb}, killed at any moment", f"after {moment:.3f} s"
    # Nothing handles this signal: it ends the process on the spot. Processor time, so that a busy machine changes little.
    run_trial(command.start(kind, name, lambda: _in_seconds(moment)), command.room)
    return command.resumed(command.start(kind, name))


def _killed_often(command: Resumable, rng: Random) -> Result:
    """One directory: each start is killed at the first file at which none was killed before, until there is none left; then at one of
    its first writes, of a run that is whole, until there were `CHAIN` kills."""
    _afresh(command)
    kind, kills, left = f"{command.verb}, killed at each file, {CHAIN} times and more", 0, True
    met = command.room / "files met"
    met.unlink(missing_ok=True)
    for _ in range(MOST_STARTS):
        if kills >= CHAIN and not left:
            break
        after = rng.random() < 0.5
        hook = _at_new_file(met, after=after) if left else _at_writes(_kill_at(rng.randrange(FEW_WRITES)), after=after)
        killed = run_trial(command.start(kind, f"{kills} kills", hook), command.room).code == -signal.SIGKILL
        left, kills = left and killed, kills + killed
    result = command.resumed(command.start(kind, f"{kills} kills"))
    if kills < CHAIN or left:
        return dataclasses.replace(result, outcome=Outcome.WRONG, said=f"only {kills} kills in {MOST_STARTS} starts")
    return result


def _at_new_file(met: Path, *, after: bool) -> Callable[[], None]:
    """Kills before or after a file is renamed whose name doesn't stand in `met` yet."""

    def install() -> None:
        known = set(met.read_text().splitlines()) if met.exists() else set()
        rename = Path.replace

        def renamed(path: Path, target: Any) -> Path:
            is_new = str(target) not in known
            if is_new:
                with met.open("a") as file:
                    file.write(f"{target}\n")
            if is_new and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            renamed_path = rename(path, target)
            if is_new:
                os.kill(os.getpid(), signal.SIGKILL)
            return renamed_path

        Path.replace = renamed

    return install


def _full(command: Resumable, place: int) -> Result:
    _afresh(command)

    def full(number: int) -> None:
        if number >= place:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    kind, name = f"{command.verb}, full disk", f"from write {place} on"
    met = run_trial(_expecting(command.start(kind, name, _at_writes(full)), 3), command.room)
    return command.resumed(command.start(kind, name)) if met.outcome is Outcome.REFUSED else met


def _little_memory(command: Resumable, megabytes: int) -> Result:
    """What a process has that only loaded the libraries, and so much more."""
    _afresh(command)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + (megabytes << 20)
    kind, name = f"{command.verb}, little memory", f"{megabytes} MB"
    trial = dataclasses.replace(command.start(kind, name), memory_bytes=limit)
    met = run_trial(_expecting(trial, 0, 2, 3), command.room)
    if met.outcome is Outcome.WENT_THROUGH:
        return command.judged(met)
    return command.resumed(command.start(kind, name)) if met.outcome is Outcome.REFUSED else met


def started_twice(command: Resumable, place: int) -> Iterator[Result]:
    """The first is held at one of its writes until the second has been refused or has found a whole run; it then ends as if alone."""
    _afresh(command)
    kind, waits = f"{command.verb}, started twice at once", command.room / "waits"
    waits.unlink(missing_ok=True)
    beside = command.room / "beside"
    beside.mkdir(exist_ok=True)

    def hold(number: int) -> None:
        if number == place:
            waits.touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    first = begin(command.start(kind, f"held at write {place}", _at_writes(hold)), command.room)
    while not waits.exists() and os.waitid(os.P_PID, first.child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)
    second = run_trial(_expecting(command.start(kind, f"beside one at write {place}"), 0, 2), beside)
    # Where the first is done but for its page, the second finds a whole run; what both leave is judged when the first has ended.
    yield second
    os.kill(first.child, signal.SIGCONT)
    whole = ended(first)
    yield command.judged(whole) if whole.outcome is Outcome.WENT_THROUGH else whole


def _afresh(command: Resumable) -> None:
    shutil.rmtree(command.copy, ignore_errors=True)


def _expecting(trial: Any, *codes: int) -> Any:
    return dataclasses.replace(trial, expected=frozenset(codes))


def _kill_at(place: int) -> Callable[[int], None]:
    def kill(number: int) -> None:
        if number == place:
            os.kill(os.getpid(), signal.SIGKILL)

    return kill


def _in_seconds(moment: float) -> None:
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, max(0.001, moment))


def _at_writes(then: Callable[[int], None], *, after: bool = False) -> Callable[[], None]:
    """Every whole file is flushed to disk and then renamed: in between, or behind, `then` is called with its number."""

    def install() -> None:
        numbers = iter(range(_NEVER))
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
        Path.replace = renamed

    return install
