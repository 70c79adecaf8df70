"""Files appear whole or not at all: write beside the target, flush to disk, rename."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strata.probes.errors import DoesNotFitError, StrataError, is_disk_full


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yields a path to write to; on success it becomes `target`, on any failure nothing is left behind.

    A link stays one: what it points to is replaced. Raises StrataError for a directory, a device or a pipe, which a
    rename would put an end to, DoesNotFitError when the disk is full.
    """
    target = without_links(target) if target.is_symlink() else target
    if target.exists() and not target.is_file():
        kind = "a directory" if target.is_dir() else "a device or a pipe, not a file"
        raise StrataError(f"{target} can't be written: it is {kind}", "Name a file")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    held = -1
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
        held = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
        with suppress(OSError):  # a disk that knows no locks: then whoever cleans up takes it for a leftover
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mode = stat.S_IMODE(part.stat().st_mode)
        yield part
        # safetensors makes files that only their owner can read, whatever the person's umask says.
        part.chmod(mode)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except Exception as error:
        if is_disk_full(error):
            raise DoesNotFitError(
                f"The disk is full while writing {target}",
                "Free some space and start again: finished parts are kept",
            ) from error
        if isinstance(error, OSError):
            raise StrataError(f"{target} can't be written ({error.strerror or error})", "Give another place") from error
        raise
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if held >= 0:
            os.close(held)


def without_links(path: Path) -> Path:
    """The path of what `path` leads to. Raises StrataError for links that lead round in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # until Python 3.12 a circle is a RuntimeError
        raise StrataError(f"{path} is a link that leads nowhere but to itself", "Remove it") from error


def remove_unfinished(directory: Path, pattern: str, *, everywhere: bool = False) -> None:
    """Removes what a kill has left of files whose names match `pattern`, `everywhere` in folders of folders as well.

    What another process is writing at this moment stays: a run that has ended still writes its page.
    """
    find = directory.rglob if everywhere else directory.glob
    for part in list(find(f".{pattern}.[0-9]*.part")):
        with suppress(OSError):
            if not _is_written(part):
                part.unlink()


def _is_written(part: Path) -> bool:
    """Whether a process that lives holds it."""
    try:
        held = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(held)
    return False


def as_readable_as_others(directory: Path) -> None:
    """Gives the files that a library has written into `directory` the mode of any new file."""
    probe = directory / f".mode.{os.getpid()}.part"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    for file in directory.iterdir():
        if file.is_file():
            file.chmod(mode)


def write_whole(target: Path, content: str | bytes) -> None:
    """Writes `content` (text as UTF-8) to `target` atomically. Raises DoesNotFitError when the disk is full."""
    data = content.encode() if isinstance(content, str) else content
    with whole_file(target) as part:
        part.write_bytes(data)
