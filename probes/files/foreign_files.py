"""How is a file read that somebody else wrote? Only a regular one, of bounded size, and whatever is odd in it becomes one sentence.

What Python's own readers do with such files is to wait for a pipe for ever, to recurse until the stack ends, to hand on infinities and halves of
surrogate pairs that fail much later, and to raise a different exception for each.
"""

from __future__ import annotations

import json
import math
import os
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from strata.probes.errors import DamagedError, StrataError

MOST_BYTES = 1 << 30
"""Of a file that is read as a whole: the largest known tokenizer.json has 40 MB, a table may have more."""
MOST_LEVELS = 100
"""Of lists and objects inside each other."""
MOST_DIGITS = 400
"""Of a number: more than a float can hold."""
MAY_BE_INFINITE = frozenset(["time_step_limit"])
"""Fields of config.json in which published models have an infinity."""
Trouble = Literal["syntax", "levels", "number", "surrogate", "twice", "encoding", "mark"]


class UnreadableError(ValueError):
    """Why a text isn't JSON or TOML that can be used: the reason in words, and where in the text where that is known."""

    def __init__(
        self, trouble: Trouble, reason: str, line: int = 0, column: int = 0, *, is_followed: bool = False
    ) -> None:
        self.trouble, self.reason, self.line, self.column = trouble, reason, line, column
        self.is_followed = is_followed
        """Whether the text begins with something whole, and goes on."""
        super().__init__(reason)


def refuse_irregular(file: Path, remedy: str = "Put the file itself there") -> None:
    """Raises StrataError for what is there and no regular file: a directory, or a pipe or a device, which may have no end."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):  # absent, a link that leads nowhere, a name with NUL in it
        return
    if stat.S_ISDIR(mode):
        raise StrataError(f"{file} is a directory, not a file", remedy)
    if not stat.S_ISREG(mode):
        raise StrataError(f"{file} is a pipe or a device, not a file", remedy)


def file_bytes(
    file: Path, remedy: str = "Check the path and its permissions", *, error: type[StrataError] = StrataError
) -> bytes:
    """All of a regular file. Raises `error` where it can't be read or is too large."""
    try:
        # Not to wait where a pipe is put in its place meanwhile.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            state = os.fstat(stream.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise error(f"{file} is a pipe or a device, not a file", remedy)
            if state.st_size > MOST_BYTES:
                raise error(
                    f"{file} has {state.st_size:,} bytes, more than the {MOST_BYTES:,} that are read at once",
                    "Split it",
                )
            return stream.read()
    except IsADirectoryError as cause:
        raise error(f"{file} is a directory, not a file", "Put the file itself there") from cause
    except (OSError, ValueError) as cause:
        raise error(f"{file} could not be read ({getattr(cause, 'strerror', None) or cause})", remedy) from cause


def read_json(file: Path, remedy: str, *, error: type[StrataError] = StrataError) -> Any:
    """What a JSON file holds, in UTF-8 without a byte order mark. Raises `error` that names file, line and reason."""
    raw = file_bytes(file, error=error)
    try:
        return parse_json(decoded(raw))
    except UnreadableError as cause:
        line = f" in line {cause.line}" if cause.line else ""
        ways = {"encoding": "Save it as UTF-8", "mark": "Save it as UTF-8 without one"}
        said = f"{cause.reason}{line}"
        how = f"is damaged ({said})" if issubclass(error, DamagedError) else f"could not be read: {said}"
        raise error(f"{file} {how}", ways.get(cause.trouble, remedy)) from cause


def read_json_object(file: Path, remedy: str, *, error: type[StrataError] = StrataError) -> dict[str, Any]:
    """The same of a file that must hold an object."""
    value = read_json(file, remedy, error=error)
    if not isinstance(value, dict):
        what = "is damaged (no JSON object)" if issubclass(error, DamagedError) else "does not hold a JSON object"
        raise error(f"{file} {what}", remedy)
    return value


def decoded(raw: bytes) -> str:
    """UTF-8 as text. Raises UnreadableError."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise UnreadableError("mark", "it begins with a byte order mark")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableError("encoding", f"byte {error.start + 1} is not UTF-8", line) from None


def parse_json(text: str, *, distinct: bool = False, rows: bool = False) -> Any:
    """What a JSON text says. Raises UnreadableError.

    `distinct`: an object that names a key twice is refused. `rows`: what is no finite number or no text stays, for whoever reads the rows
    to say which of them it spoils.
    """
    decoder = _DISTINCT if distinct else _DECODER
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        whole = error.msg == "Extra data"  # compared here alone: json has no code for it
        reason = f"it is no valid JSON ({error.msg})"
        raise UnreadableError("syntax", reason, error.lineno, error.colno, is_followed=whole) from None
    except RecursionError:
        raise UnreadableError("levels", "it is nested too deeply") from None
    _check(value, halves="\\u" in text, rows=rows)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text says. Raises UnreadableError."""
    try:
        value = tomllib.loads(text)
    except RecursionError:
        raise UnreadableError("levels", "it is nested too deeply") from None
    except ValueError as error:  # also of a number of more digits than Python converts
        raise UnreadableError("syntax", f"it is no valid TOML ({error})") from None
    _check(value)
    return value


def _check(value: Any, *, halves: bool = False, rows: bool = False) -> None:
    """Whether it is nested too deeply, or holds what is no number or no text."""
    for path, inner, level in _walk(value):
        if level > MOST_LEVELS:
            raise UnreadableError("levels", f"it is nested too deeply (more than {MOST_LEVELS} levels)")
        if rows:
            continue
        if isinstance(inner, float) and not math.isfinite(inner) and not MAY_BE_INFINITE.intersection(path):
            where = ".".join(map(str, path)) or "the whole"
            raise UnreadableError("number", f"{where} is no finite number")
        if halves and isinstance(inner, str) and any(0xD800 <= ord(sign) < 0xE000 for sign in inner):
            raise UnreadableError("surrogate", "a \\u escape is half a surrogate pair")


def _walk(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any, int]]:
    """(path, value, level) of everything, keys as well."""
    waiting: list[tuple[tuple[str | int, ...], Any, int]] = [((), value, 0)]
    while waiting:
        path, inner, level = waiting.pop()
        yield path, inner, level
        if level > MOST_LEVELS:
            continue
        if isinstance(inner, dict):
            for key, entry in inner.items():
                if isinstance(entry, (dict, list, float, str)):
                    waiting.append(((*path, key), entry, level + 1))
                yield path, key, level
        elif isinstance(inner, list):
            waiting += [
                ((*path, place), entry, level + 1)
                for place, entry in enumerate(inner)
                if isinstance(entry, (dict, list, float, str))
            ]


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise UnreadableError("number", f"it holds an unreadable number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise UnreadableError("twice", f"field {twice!r} is given twice")
    return record


_DECODER = json.JSONDecoder(parse_int=_whole)
_DISTINCT = json.JSONDecoder(parse_int=_whole, object_pairs_hook=_object)
