"""How is a line over layers told? Its first, middle and last value, and runs of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from strata.dashboards.number_formats import interval, number


class Line(Protocol):
    """Values over layers with their intervals."""

    @property
    def axis(self) -> str:
        """`stream` or `block`."""

    @property
    def layer(self) -> Sequence[int]:
        """Where the values stand."""

    @property
    def mean(self) -> Sequence[float | None]:
        """Value by layer."""

    @property
    def low(self) -> Sequence[float | None]:
        """Lower end by layer."""

    @property
    def high(self) -> Sequence[float | None]:
        """Upper end by layer."""

    @property
    def n_items(self) -> int:
        """Items behind the line."""


def spoken(name: str, line: Line) -> str:
    """A line as a sentence: first, middle and last layer with their intervals."""
    picks = sorted({0, len(line.layer) // 2, len(line.layer) - 1})
    parts = []
    for i in picks:
        band = interval(line.low[i], line.high[i])
        parts.append(f"{number(line.mean[i])}{' ' + band if band else ''} at {line.axis} {line.layer[i]}")
    return f"{name} ({line.n_items} items): " + ", ".join(parts)


def in_streams(numbers: Sequence[int]) -> str:
    """`stream 3`, `streams 3–5`."""
    return f"stream{'s' if len(numbers) > 1 else ''} {runs_text(numbers)}"


def runs_text(numbers: Sequence[int]) -> str:
    """`3–5, 7` for [3, 4, 5, 7]."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(f"{a}–{b}" if b > a else str(a) for a, b in runs)
