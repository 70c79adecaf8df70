"""What takes the excess of an instruction away: its dominant dimensions, or one family of items?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.results.intervals import Side

Sides = Mapping[int, Side]
"""By stream: on which side of 0 the interval of the excess lies."""


@dataclass(frozen=True)
class ExcessLeft:
    """At which streams the excess is there, and at which of them something takes it away."""

    there: Sequence[int]
    """Its interval leaves 0 out."""
    gone_trimmed: Sequence[int] | None
    """It is gone without the dominant dimensions; None: there is no line without them."""
    gone_without: Mapping[str, Sequence[int]]
    """Family → it is gone without that family."""


def excess_left(sides: Sides, trimmed: Sides | None, without: Mapping[str, Mapping[int, float]]) -> ExcessLeft:
    """`trimmed`: of the line without dominant dimensions; `without`: by family and stream, the excess with that family excluded.

    Without dimensions it is gone where its interval isn't on that side any more; without a family, which leaves no interval, where
    the excess itself isn't.
    """
    there = {stream: side for stream, side in sorted(sides.items()) if side}
    return ExcessLeft(
        there=list(there),
        gone_trimmed=None if trimmed is None else [s for s, side in there.items() if trimmed.get(s, 0) != side],
        gone_without={
            family: [s for s, side in there.items() if s in of and of[s] * side <= 0] for family, of in without.items()
        },
    )
