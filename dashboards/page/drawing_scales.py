"""Where on a small drawing does a depth, a share or a change lie? In the units of its view box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Estimate = Mapping[str, float | None]
"""As `view.json` has it: `value`, `low` and `high` among others."""
STRIP_LEFT, STRIP_WIDTH = 8.0, 264.0


def depth_x(depth: float) -> float:
    """Of the strip of a kind, 280 wide: depth 0 to 1."""
    return STRIP_LEFT + max(0.0, min(1.0, depth)) * STRIP_WIDTH


def share_x(share: float) -> float:
    """Of the bar of a share, 120 wide: 0 to 1."""
    return 4 + 112 * share


def change_x(value: float, limit: float) -> float:
    """Of the bar of a change, 140 wide: −limit to limit, 0 in the middle."""
    return 70 + 62 * max(-1.0, min(1.0, value / limit))


def change_limit(estimates: Iterable[Mapping[str, Estimate | None]]) -> float:
    """Half the range on which a table's changes of shares are drawn: it holds all of them with their intervals."""
    drawn = [of[name] for of in estimates for name in ("change", "difference_in_differences")]
    ends = [one[end] for one in drawn if one is not None for end in ("value", "low", "high")]
    largest = max((abs(end) for end in ends if end is not None), default=1.0)
    return next((limit for limit in _LIMITS if largest <= limit), 1.0)


_LIMITS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75)
