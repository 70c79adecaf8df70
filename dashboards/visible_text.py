"""How does foreign text stand on a page or a terminal? Nothing invisible in it, and no path of the machine it comes from."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from unicodedata import category

_ABSOLUTE_PATH = re.compile(r"(?<![\w:/.…~])(?!(?<=<)/\w+>)(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'\",:;=]+)+[/\\]?")
"""A slash after `<` that only closes a tag, as in `</think>`, begins none."""
_MARKS = {"\n": "⏎", "\t": "⇥"}
_BIDI = {chr(c) for c in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


@lru_cache(maxsize=1 << 13, typed=True)  # a page shows few texts many times; markup is told from text
def visible(text: str) -> str:
    r"""Text in which nothing is invisible: line ends and tabs as ⏎ and ⇥, controls as \x00, leading and trailing blanks as ␣, ∅ when empty.

    Text-direction marks become ⟨U+202E⟩, since they would reorder what stands beside them. Other blanks (no-break, zero width, …) stay
    within a text, where they are seen as a gap, and become ⟨U+00A0⟩ where they are all there is.
    """
    if text == "":
        return "∅"
    inner = text.strip(" ")
    lead = len(text) - len(text.lstrip(" "))
    if inner == "":
        return "␣" * len(text)
    if all(c.isspace() or category(c) == "Cf" for c in inner):
        body = "".join(map(_named_blank, inner))
    else:
        body = inner if inner.isascii() and inner.isprintable() else "".join(map(_visible_char, inner))
    return "␣" * lead + body + "␣" * (len(text) - lead - len(inner))


def _visible_char(c: str) -> str:
    code = ord(c)
    if c in _MARKS:
        return _MARKS[c]
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02X}"
    if c in _BIDI or code in (0x200B, 0xFEFF, 0xFFFE, 0xFFFF) or 0xD800 <= code < 0xE000:
        return f"⟨U+{code:04X}⟩"
    return c


def _named_blank(c: str) -> str:
    shown = "␣" if c == " " else _visible_char(c)
    return f"⟨U+{ord(c):04X}⟩" if shown == c else shown


def without_paths(value: Any) -> Any:
    """The same JSON value with every absolute path cut down to its last part, so that no machine shows."""
    if isinstance(value, str):
        return _ABSOLUTE_PATH.sub(_last_part, value)
    if isinstance(value, dict):
        return {str(without_paths(str(k))): without_paths(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(v) for v in value]
    return value


def _last_part(match: re.Match[str]) -> str:
    parts = [p for p in re.split(r"[/\\]", match.group(0)) if p]
    return f"…/{parts[-1]}" if parts else match.group(0)


def path_free(text: str) -> str:
    """A sentence of a run without the paths of the machine it ran on."""
    return _ABSOLUTE_PATH.sub(_last_part, text)
