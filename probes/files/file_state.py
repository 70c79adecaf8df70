"""Is this still the file that was read before? Told without reading it, in a way that a copy in its place can't fool."""

from __future__ import annotations

import time
from pathlib import Path

_SETTLED_NS = 2_000_000_000
"""A file changed again within one tick of the file system's clock looks unchanged, so a fresh change is not relied on."""


def file_state(file: Path) -> str:
    """Device, inode, size, times of change of content and of status.

    The last can't be set by hand: a copy that keeps size and modification time (`cp -p`, `rsync -t`, `touch -r`),
    another file moved there and a changed byte with the old time put back all give another state.
    """
    now = file.stat()
    return f"{now.st_dev}|{now.st_ino}|{now.st_size}|{now.st_mtime_ns}|{now.st_ctime_ns}"


def is_settled(file: Path) -> bool:
    """Whether the last change is old enough for `file_state` to tell a later one."""
    return time.time_ns() - file.stat().st_ctime_ns > _SETTLED_NS
