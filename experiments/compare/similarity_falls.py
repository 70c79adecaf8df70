"""With what does a fall of a line below 1 go: with the dominant dimensions of the stream, or with one family of items?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

APART = 0.02
"""From which difference on two lines disagree, and a line falls at all."""
MOST = 0.5
"""The share of a fall that has to go with a family, and with no other, or with the dominant dimensions, for it to be theirs."""
Carried = Literal["makes", "adds", "hides", "dampens"]
"""What dominant dimensions do at a stream: make most of a fall, or a part of it; hide most of one, or a part of it."""
Values = Mapping[int, float]
"""By stream."""


def disagreements(full: Values, trimmed: Values) -> dict[int, tuple[float, float]]:
    """Streams at which a line with all dimensions and one without the dominant ones disagree, with both values."""
    both = {stream: (value, trimmed[stream]) for stream, value in full.items() if stream in trimmed}
    return {stream: values for stream, values in both.items() if abs(values[0] - values[1]) >= APART}


def carried(full: float, trimmed: float) -> Carried:
    """What the dominant dimensions do where the two disagree."""
    with_them, without = 1 - full, 1 - trimmed
    if with_them > without:
        return "makes" if without < with_them * (1 - MOST) else "adds"
    return "hides" if with_them < without * (1 - MOST) else "dampens"


def made_by_one_family(values: Values, without: Mapping[str, Values]) -> dict[str, list[int]]:
    """Family → streams whose fall mostly goes with it, and with no other. `without`: by family, the line with it excluded."""
    by_family: dict[str, list[int]] = {}
    for stream, value in sorted(values.items()):
        if 1 - value < APART:
            continue
        makers = [
            family for family, of in without.items() if stream in of and 1 - of[stream] < (1 - value) * (1 - MOST)
        ]
        if len(makers) == 1:
            by_family.setdefault(makers[0], []).append(stream)
    return by_family
