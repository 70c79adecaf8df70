"""How can a file be broken? Seeded damage of bytes, of JSON and of what kind of file it is; everything a stranger may send."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

DEEP = 3_000
"""Levels of a nested list: beyond what Python's own reader takes."""
RAW = "\x00raw:"
"""Before text that stands in the JSON file as it is, such as 1e999, which no JSON writer writes."""
ESCAPE = "\x1b]0;owned\x07\x1b[31mred"
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 10**9, 2**31, 2**63, 2**64 + 1, 10**400, 0.5, -0.0, "", "x", "a" * 100_000, "[/]", "[bold]x[/bold]",
    ESCAPE, "\u202etxt.exe", "\x9b31m", "a\x00b", "../../etc/passwd", "/etc/passwd", [], {}, [None], [[]], {"": {}}, ["x"] * 1000,
    RAW + "1e999", RAW + "-1e999", RAW + "NaN", RAW + "Infinity", RAW + '"\\ud800"', RAW + "9" * 5000,
    RAW + "[" * DEEP + "]" * DEEP, RAW + '{"a":' * DEEP + "1" + "}" * DEEP, RAW + "1" + "0" * 5000,
)  # fmt: skip
"""What may stand where something else is expected."""

Damage = Callable[[Path, Random], str]
"""Breaks a file in place and says how."""


def truncated(file: Path, rng: Random) -> str:
    size = file.stat().st_size
    keep = rng.choice([0, 1, size // 2, max(0, size - 1), rng.randrange(size + 1)])
    with file.open("r+b") as stream:
        stream.truncate(keep)
    return f"cut to {keep} of {size} bytes"


def flipped(file: Path, rng: Random) -> str:
    content = bytearray(file.read_bytes())
    if not content:
        return "empty as it was"
    # The beginning of a binary file holds its header.
    reach = rng.choice([min(64, len(content)), min(4096, len(content)), len(content)])
    places = [rng.randrange(reach) for _ in range(rng.choice([1, 1, 3, 20]))]
    for place in places:
        content[place] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    return f"bits flipped in bytes {places[:5]}"


def blanked(file: Path, rng: Random) -> str:
    content = bytearray(file.read_bytes())
    start = rng.randrange(len(content) + 1)
    filling = rng.choice([b"\0", b"\xff", b" ", b"{", b"\x1b[2J"])
    end = min(len(content), start + rng.choice([16, 512, 4096]))
    content[start:end] = (filling * (end - start + 1))[: end - start]
    file.write_bytes(content)
    return f"bytes {start} to {end} are {filling!r}"


def spliced(file: Path, rng: Random) -> str:
    content = file.read_bytes()
    cut, size = rng.randrange(len(content) + 1), rng.choice([1, 100, 10_000])
    piece = rng.choice([rng.randbytes(size), content[:size], b"\xef\xbb\xbf", b"\xff\xfe", b"\n" * size])
    file.write_bytes(content[:cut] + piece + content[cut:])
    return f"{len(piece)} bytes put in at {cut}"


def widened(file: Path, rng: Random) -> str:
    """A table of so many columns that whoever compares each with each never ends."""
    columns = rng.choice([2_000, 200_000])
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    more = "".join(f",c{number}" for number in range(columns))
    file.write_text("".join(f"{line}\n" for line in (head + more, *(row + "," * columns for row in rows[:3]))))
    return f"has {columns} columns more"


def other_encoding(file: Path, rng: Random) -> str:
    encoding = rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7", "cp037"])
    file.write_bytes(file.read_bytes().decode("utf-8", "replace").encode(encoding, "replace"))
    return f"written in {encoding}"


def another_kind(file: Path, rng: Random) -> str:
    kind = rng.choice(["directory", "pipe", "zeros", "dead link", "link to itself", "absent"])
    file.unlink()
    if kind == "directory":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "zeros":
        file.symlink_to("/dev/zero")
    elif kind == "dead link":
        file.symlink_to(file.parent / "nowhere")
    elif kind == "link to itself":
        file.symlink_to(file)
    return f"made a {kind}"


def other_value(file: Path, rng: Random) -> str:
    """One value of a JSON file becomes another: of another type, size or sign."""
    try:
        whole = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return truncated(file, rng)
    path = rng.choice(list(_paths(whole)) or [()])
    value = rng.choice(VALUES)
    _write_json(file, _with(whole, path, value))
    return f"{'.'.join(map(str, path)) or 'the whole'} is {str(value)[:30]!r}"


def key_gone(file: Path, rng: Random) -> str:
    whole = json.loads(file.read_text(encoding="utf-8"))
    paths = [path for path in _paths(whole) if path]
    if not paths:
        return "nothing to take out"
    path = rng.choice(paths)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    _write_json(file, whole)
    return f"without {'.'.join(map(str, path))}"


def key_renamed(file: Path, rng: Random) -> str:
    whole = json.loads(file.read_text(encoding="utf-8"))
    objects = [path for path in _paths(whole) if isinstance(_at(whole, path), dict) and _at(whole, path)]
    if not objects:
        return "nothing to rename"
    inner = _at(whole, rng.choice(objects))
    name = rng.choice(list(inner))
    new = rng.choice(["", "x", ESCAPE, "[/]", "a" * 100_000, "\u202ex", name.upper()])
    inner[new] = inner.pop(name)
    _write_json(file, whole)
    return f"{name} is called {new[:20]!r}"


BYTES: tuple[Damage, ...] = (truncated, flipped, blanked, spliced, other_encoding, another_kind)
JSON: tuple[Damage, ...] = (other_value, other_value, other_value, key_gone, key_renamed)


def damages_of(file: Path) -> Sequence[Damage]:
    if file.suffix == ".csv":
        return (*BYTES, widened)
    return (*BYTES, *JSON, *JSON) if file.suffix == ".json" else BYTES


def _paths(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in list(inner)[:200]:
        yield from _paths(entry, (*before, key))


def _at(whole: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        whole = whole[step]
    return whole


def _with(whole: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(whole)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _write_json(file: Path, whole: Any) -> None:
    text = json.dumps(whole)
    for value in VALUES:
        if isinstance(value, str) and value.startswith(RAW):
            text = text.replace(json.dumps(value), value.removeprefix(RAW))
    file.write_text(text, encoding="utf-8")
