"""How are numbers, intervals and foreign texts put into words? Used by the sentences and by the static HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_ABSOLUTE_PATH = re.compile(r"(?<![\w:/.…~])(?!(?<=<)/\w+>)(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'\",:;=]+)+[/\\]?")
"""A slash after `<` that only closes a tag, as in `</think>`, begins none."""
_MARKS = {"\n": "⏎", "\t": "⇥"}
_BIDI = {chr(c) for c in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def significant(value: float | None, digits: int = 5) -> float | None:
    """`value` kept to so many significant digits; None for None, NaN and infinities (JSON has none of them)."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def number(value: float | None, digits: int = 2) -> str:
    """A decimal number with a true minus sign, none before a zero; an en dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """`[low, high]`, or the empty string when either end is absent."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"


def p_words(p: float | None) -> str:
    """`p = 0.012`, `p < 0.001`, or `p not computed`."""
    if p is None:
        return "p not computed"
    return "p < 0.001" if p < 0.001 else f"p = {number(p, 3)}"


def two_digits(p: float) -> str:
    """A p with its first two digits, or two decimals: `0.0012`, `0.23`."""
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def count(n: int, singular: str, plural: str | None = None) -> str:
    """`1 item`, `2 items`."""
    return f"{n:,} {singular if n == 1 else (plural or singular + 's')}".replace(",", " ")


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


@lru_cache(maxsize=1 << 13, typed=True)  # a page shows few texts many times; markup is told from text
def visible(text: str) -> str:
    r"""Text in which nothing is invisible: line ends and tabs as ⏎ and ⇥, controls as \x00, leading and trailing blanks as ␣, ∅ when empty.

    Text-direction marks become ⟨U+202E⟩, since they would reorder what stands beside them.
    """
    if text == "":
        return "∅"
    inner = text.strip(" ")
    lead = len(text) - len(text.lstrip(" "))
    if inner == "":
        return "␣" * len(text)
    body = inner if inner.isascii() and inner.isprintable() else "".join(map(_visible_char, inner))
    return "␣" * lead + body + "␣" * (len(text) - lead - len(inner))


def _visible_char(c: str) -> str:
    code = ord(c)
    if c in _MARKS:
        return _MARKS[c]
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02X}"
    if c in _BIDI or code in (0x200B, 0xFEFF) or 0xD800 <= code < 0xE000:
        return f"⟨U+{code:04X}⟩"
    return c


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


def stream_range(low: float, high: float | None) -> str:
    """An interval in streams; its upper end may be "none": too many draws have no onset."""
    return f"{low:g}–{'none' if high is None else format(high, 'g')}"
