"""Can this be a GGUF file? Its header is walked by its own lengths before a reader makes lists of what it promises.

Format: magic, version, counts of tensors and of values; then the values, each with name and type; then name, shape, type and place of each
tensor (the specification is gguf.md of ggml).
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import refuse_irregular

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of the fixed types: whole numbers, floats, truth values."""
_SIGNED = {1: "b", 3: "h", 5: "i", 11: "q"}
_UNSIGNED = {0: "B", 2: "H", 4: "I", 10: "Q"}
_STRING, _ARRAY = 8, 9
_MOST_ENTRIES = 1 << 21
"""In all arrays together: the largest published vocabularies have a quarter of it."""
_LONGEST_NAME = 1 << 16
_BLOCK = re.compile(rb"^blk\.(\d{1,9})\.")
_COUNTS = re.compile(
    rb"\.(block_count|embedding_length|feed_forward_length|attention\.head_count(_kv)?|attention\.(key|value)_length|expert_count|vocab_size)$"
)
_AGAIN = "Copy or download it again"


def refuse_impossible_gguf(file: Path) -> None:
    """Raises StrataError when `file` isn't GGUF, is truncated, or promises more than it can hold."""
    refuse_irregular(file)
    with _bytes(file) as data:
        if data[:4] != b"GGUF":
            raise StrataError(f"{file} does not start with the GGUF mark", "Give a .gguf model file")
        try:
            _Walk(file, data).check()
        except struct.error as error:
            raise StrataError(f"{file} is truncated or damaged", _AGAIN) from error


@contextmanager
def _bytes(file: Path) -> Iterator[mmap.mmap | bytes]:
    try:
        with file.open("rb") as stream:
            if file.stat().st_size == 0:
                yield b""
                return
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield mapped
    except OSError as error:
        raise StrataError(f"{file} could not be read ({error.strerror or error})", "Check the path") from error


class _Walk:
    """A place in the header that moves on."""

    def __init__(self, file: Path, data: mmap.mmap | bytes) -> None:
        self.file, self.data, self.at, self.entries = file, data, 8, 0
        version = struct.unpack_from("<I", data, 4)[0]
        # A file of the other byte order shows its version in the upper half.
        self.order = ">" if version & 0xFFFF == 0 and version else "<"

    def check(self) -> None:
        n_tensors, n_values = self._number("Q"), self._number("Q")
        room = len(self.data)
        if n_tensors > room // 24 or n_values > room // 12:
            raise self._promise(f"{n_tensors:,} tensors and {n_values:,} values")
        counts: dict[str, int] = {}
        for _ in range(n_values):
            name = self._name()
            value = self._value(self._number("I"))
            if value is not None and _COUNTS.search(name):
                counts[name.decode("utf-8", "replace")] = value
        blocks, widest = 0, 1
        for _ in range(n_tensors):
            block = _BLOCK.match(self._name())
            blocks = max(blocks, int(block[1]) + 1 if block else 0)
            shape = [self._number("Q") for _ in range(self._dimensions())]
            widest = max([widest, *shape])
            self.at += 4 + 8
        if widest > room * 8:
            raise self._promise(f"a tensor with a side of {widest:,}")
        for called, count in counts.items():
            most = blocks if called.endswith(".block_count") else widest
            if not 0 <= count <= most:
                raise StrataError(
                    f"{self.file} says {called} {count:,}, but its tensors have room for {most:,}", _AGAIN
                )

    def _number(self, code: str) -> int:
        value: int = struct.unpack_from(f"{self.order}{code}", self.data, self.at)[0]
        self.at += struct.calcsize(code)
        return value

    def _name(self) -> bytes:
        length = self._number("Q")
        if length > _LONGEST_NAME:
            raise self._promise(f"a name of {length:,} bytes")
        return self._taken(length)

    def _taken(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise self._promise(f"a text of {length:,} bytes")
        self.at += length
        return bytes(self.data[self.at - length : self.at]) if length <= _LONGEST_NAME else b""

    def _value(self, kind: int, level: int = 0) -> int | None:
        """A whole number; None for everything else, which is stepped over."""
        if kind in _SIGNED or kind in _UNSIGNED:
            return self._number(_SIGNED.get(kind) or _UNSIGNED[kind])
        if kind == _STRING:
            self._taken(self._number("Q"))
        elif kind == _ARRAY:
            self._array(level)
        elif kind in _SIZES:
            self.at += _SIZES[kind]
        else:
            raise StrataError(f"{self.file} is truncated or damaged", _AGAIN)
        return None

    def _array(self, level: int) -> None:
        kind, length = self._number("I"), self._number("Q")
        self.entries += length
        least = _SIZES.get(kind, 8)
        if self.entries > _MOST_ENTRIES or length * least > len(self.data) - self.at or level > 1:
            raise self._promise(f"a list of {length:,} entries")
        if kind in _SIZES:
            self.at += length * _SIZES[kind]
            return
        for _ in range(length):
            self._value(kind, level + 1)

    def _dimensions(self) -> int:
        dimensions = self._number("I")
        if dimensions > 8:
            raise self._promise(f"a tensor of {dimensions:,} dimensions")
        return dimensions

    def _promise(self, what: str) -> StrataError:
        return StrataError(f"{self.file} promises {what}, more than it can hold", _AGAIN)
