"""Does a command still do something? Told apart from one that only waits for its turn on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

WAITS_SECONDS = 30
"""A command that was asleep at each of so many looks, a second apart, waits for something that doesn't come."""
_BUSY = ("R", "D")
"""States of a thread that runs or stands in the queue for a processor, and of one that waits for a disk."""


class Watch:
    """Over a group of processes, looked at `every` so many seconds."""

    def __init__(self, group: int, looks: int = WAITS_SECONDS, every: float = 1.0) -> None:
        self._group, self._looks, self._every = group, looks, every
        self._looked, self._asleep = time.monotonic(), 0

    def stands_still(self) -> bool:
        """Whether at none of the last `looks` a thread of the group ran, or would have if there were a processor for it."""
        now = time.monotonic()
        if now < self._looked + self._every:
            return False
        self._looked = now
        self._asleep = 0 if any(state in _BUSY for state in states(self._group)) else self._asleep + 1
        return self._asleep >= self._looks


def states(group: int) -> Iterator[str]:
    """Of each thread of the group's processes, a letter of proc(5)."""
    for process in _within(Path("/proc")):
        if not process.name.isdigit() or _fields(process)[2:3] != [str(group)]:
            continue
        for thread in _within(process / "task"):
            yield from _fields(thread)[:1]


def _fields(process: Path) -> list[str]:
    """What stands in `stat` behind the name: state, parent, group and so on; nothing of what has ended meanwhile."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _within(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
