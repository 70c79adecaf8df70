"""Who writes into a directory of results is alone in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from strata.probes.errors import StrataError, of_system


class TakenError(StrataError):
    """Another process is working in a directory."""


def locked_directory(path: Path) -> FileLock:
    """Makes the directory and locks it, until `release` or the end of the process. Raises TakenError where another process works in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(path / ".lock"))
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TakenError(f"Another process is working in {path}", "Wait for it, or give another --out") from error
    except OSError as error:
        raise of_system(f"--out {path} can't be used as a directory", error, "Give another --out") from error
    return lock


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Nobody else works in the directory meanwhile. Raises StrataError as `locked_directory` does."""
    lock = locked_directory(path)
    try:
        yield
    finally:
        lock.release()
