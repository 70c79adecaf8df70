"""How is a change written in a sentence? With its sign, a true minus as in every table, and its interval in brackets."""

from __future__ import annotations


def signed(value: float, digits: int = 2) -> str:
    """`+0.31` or `−0.31`."""
    return f"{value:+.{digits}f}".replace("-", "−")


def signed_interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """` [−0.31, +0.20]`, with the blank ahead; empty without an interval."""
    return "" if low is None or high is None else f" [{signed(low, digits)}, {signed(high, digits)}]"
