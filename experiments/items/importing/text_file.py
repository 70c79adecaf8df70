"""Which text do the bytes of a table's file hold?"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import file_bytes

_MARKS = (
    # The longer marks first: that of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OF_NO_FILE = (
    "idna",
    "punycode",
    "undefined",
    "raw-unicode-escape",
    "raw_unicode_escape",
    "unicode-escape",
    "unicode_escape",
)
"""Of names in the internet, and of Python's own programs."""
_RARE = 20
"""Every how many characters a NUL may stand at most in a text that is only damaged."""


def refuse_unknown_encoding(name: str, encodings: Sequence[str]) -> None:
    """Raises StrataError when one of `encodings`, from the mapping `name`, isn't a way of writing texts (empty ones don't count)."""
    for encoding in filter(None, encodings):
        try:
            known = codecs.lookup(encoding).name
            # Some of Python's turn bytes into bytes, fail on purpose, or never were of files.
            usable = isinstance("a".encode(known), bytes) and known not in _OF_NO_FILE
        except (LookupError, UnicodeError, ValueError, TypeError):
            usable = False
        if not usable:
            raise StrataError(
                f"{name}: there is no text encoding {encoding[:40]!r}",
                "Change it in [rows]; Python's names count, e.g. mac_roman",
            )


def file_text(path: Path, encodings: Sequence[str]) -> str:
    """The file's text in the encoding that its byte order mark says, else in `encodings`, in turn; empty ones don't count.

    Raises StrataError where none fits.
    """
    raw = file_bytes(path)
    marked = next((encoding for mark, encoding in _MARKS if raw.startswith(mark)), None)
    for encoding in (marked,) if marked else filter(None, encodings):
        try:
            text = raw.decode(encoding)
        except UnicodeError:
            continue
        if "\0" not in text:
            return text
        # Texts of other encodings have many when they are read as this one.
        if text.count("\0") * _RARE < len(text) and not raw[:2].count(0):
            line = text.count("\n", 0, text.index("\0")) + 1
            raise StrataError(f"{path}:{line} holds a NUL character", "Take it out, or replace it by what was meant")
        break
    looks = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be" if raw[:1] == b"\0" else ""
    raise StrataError(
        f"{path} isn't text in {marked or ' or '.join(filter(None, encodings)) or 'no encoding at all'}",
        f'Set encoding = "{looks}" in [rows]' if looks else
        "Set `encoding` (or `fallback_encoding`) in [rows], e.g. mac_roman",
    )  # fmt: skip
