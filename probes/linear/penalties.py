"""How strong may a probe's penalty be? One value, a grid of which held-out items choose, or the default grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from strata.probes.errors import StrataError
from strata.probes.linear.probe import PENALTIES

Penalty: TypeAlias = float | Sequence[float] | None

DECADES: tuple[float, ...] = PENALTIES[1::2]
"""One λ a decade, 31.6 to 0.003: half of the grid that single targets are probed on, since shuffled labels are refitted on it too."""


def grid_of(penalty: Penalty) -> tuple[float, ...]:
    """The values of λ to choose among. Raises StrataError where one is not above 0."""
    if penalty is None:
        return DECADES
    try:
        grid = tuple(float(value) for value in (penalty if isinstance(penalty, Sequence) else (penalty,)))
    except (TypeError, ValueError):
        raise StrataError(f"penalty is {penalty!r}", "Give a number above 0, several of them, or None") from None
    if not grid or not all(0 < value < float("inf") for value in grid):
        raise StrataError(f"penalty is {penalty!r}", "Give a number above 0, several of them, or None")
    return grid
