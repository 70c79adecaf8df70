"""How are numbers and intervals written? Used by the sentences and by the static HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence


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


def stream_range(low: float, high: float | None) -> str:
    """An interval in streams; its upper end may be "none": too many draws have no onset."""
    return f"{low:g}–{'none' if high is None else format(high, 'g')}"


def size_text(n_bytes: float) -> str:
    """In units of a thousand: 980 B, 1.5 MB, 282.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def seconds_text(seconds: float) -> str:
    """`75` → `1m15s`, for people."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def relative_text(value: float | None) -> str:
    """A relative change to three decimals, a small one as `4e-04`; an en dash for None."""
    if value is None:
        return "–"
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.0e}"
