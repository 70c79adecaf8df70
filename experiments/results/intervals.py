"""On which side of a value does an interval lie? Whatever is claimed, counted or dimmed for its interval asks here."""

from __future__ import annotations

from typing import Literal

Side = Literal[-1, 0, 1]


def side_of(low: float | None, high: float | None, value: float = 0.0) -> Side:
    """1 above `value`, −1 below; 0 where the interval holds it or isn't there: then nothing is shown."""
    if low is None or high is None:
        return 0
    return 1 if low > value else -1 if high < value else 0
