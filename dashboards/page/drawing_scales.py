"""Where on a small drawing does a depth, a share or a change lie? In the units of its view box."""

from __future__ import annotations

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
