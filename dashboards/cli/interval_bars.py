"""How does a change with its interval look in a terminal? A bar on a line from below to above 0."""

from __future__ import annotations

import math

from rich.text import Text

from strata.dashboards.number_formats import number
from strata.experiments.results.estimates import Estimated

LINE, ZERO, BAR, VALUE = "·", "┊", "━", "●"
_SIGNS = 41
"""Of the line: 0 stands in the middle."""


def interval_bar(change: Estimated | None, *, points: bool) -> Text | None:
    """None where there is no interval. `points`: a change of a share, whose ends are written in points."""
    if change is None or change.value is None or change.low is None or change.high is None:
        return None
    reach = _reach(max(abs(change.low), abs(change.high), abs(change.value)))
    low, value, high = (_place(end, reach) for end in (change.low, change.value, change.high))
    signs = [LINE] * _SIGNS
    signs[low : high + 1] = [BAR] * (high + 1 - low)
    signs[_SIGNS // 2] = ZERO
    signs[value] = VALUE
    ends = [number(100 * end, 0) if points else number(end, 1) for end in (-reach, reach)]
    line = Text(f"{ends[0]:>6} ", "dim")
    sure = "bold bright_green" if change.excludes_zero else "yellow"
    for place, sign in enumerate(signs):
        line.append(sign, sure if place in range(low, high + 1) and sign != ZERO else "dim")
    return line.append(f" {ends[1]}", "dim")


def _reach(largest: float) -> float:
    """The next tenth above it."""
    return max(0.1, math.ceil(round(10 * largest, 6)) / 10)


def _place(value: float, reach: float) -> int:
    half = _SIGNS // 2
    return half + round(half * value / reach)
