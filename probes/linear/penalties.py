"""How strong may a probe's penalty be? One value, a grid of which held-out items choose, or the default grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from strata.probes.arguments.label_values import plain_value
from strata.probes.errors import StrataError
from strata.probes.linear.probe_streams import PENALTIES

Penalty: TypeAlias = float | Sequence[float] | np.ndarray | Tensor | None

DECADES: tuple[float, ...] = PENALTIES[1::2]
"""One λ a decade, 31.6 to 0.003: half of the grid that single targets are probed on: fewer to choose among, and to read held-out items at."""


def grid_of(penalty: Penalty) -> tuple[float, ...]:
    """The values of λ to choose among. Raises StrataError where one is not above 0."""
    if penalty is None:
        return DECADES
    try:
        given = penalty_to_json(penalty)
        grid = tuple(float(value) for value in (given if isinstance(given, list) else (given,)))
    except (TypeError, ValueError):
        raise StrataError(f"penalty is {penalty!r}", "Give a number above 0, several of them, or None") from None
    if not grid or not all(0 < value < float("inf") for value in grid):
        raise StrataError(f"penalty is {penalty!r}", "Give a number above 0, several of them, or None")
    return grid


def penalty_to_json(penalty: Penalty) -> Any:
    """A penalty as numbers and lists of Python, with which JSON can write it."""
    if isinstance(penalty, (np.ndarray, np.generic, Tensor)):
        return penalty.tolist()
    return [plain_value(value) for value in penalty] if isinstance(penalty, Sequence) else penalty
