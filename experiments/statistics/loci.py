"""Loci of a cell: its smallest windows that do nearly all that the whole cell does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from strata.experiments.statistics.window_effects import Curves, Window, WindowEffects, inside

REACHES = 0.8
"""Share of the whole cell's effect that a locus reaches."""
CARRIES = 0.1
"""Share of a locus's effect that a block of it carries."""
MOSTLY = 0.5
"""Share of a locus's effect that its carrying blocks bring together; of an effect spread thinly the whole locus is the place."""
DRAWN_TOGETHER = 3
"""Width in blocks up to which a place is said as blocks whatever the model's depth."""


def minimal_windows(
    effects: WindowEffects, values: Float[np.ndarray, "draw window"]
) -> Bool[np.ndarray, "draw window"]:
    """Windows that reach `REACHES` of the whole effect and hold no smaller one that does; none where the whole brings nothing."""
    reaching = values >= REACHES * values[:, effects.whole : effects.whole + 1]
    reaching[:, effects.whole] = True
    holds_smaller = (reaching.astype(np.float32) @ inside(effects.windows).astype(np.float32)) > 0
    minimal: np.ndarray = reaching & ~holds_smaller & (values > 0)
    return minimal


def without_overlaps(
    windows: Sequence[Window],
    candidates: Sequence[int],
    effects: Float[np.ndarray, " window"],
    coding: Bool[np.ndarray, " window"],
) -> list[int]:
    """Candidates of which no two share a block, in depth order.

    Of overlapping ones the shortest that codes the answer is kept, else the shortest; of equally short ones the strongest.
    """
    kept: list[int] = []

    def rank(k: int) -> tuple[bool, int, float]:
        return (not coding[k], windows[k][1] - windows[k][0], -float(effects[k]))

    for k in sorted(candidates, key=rank):
        first, last = windows[k]
        if all(last < windows[other][0] or first > windows[other][1] for other in kept):
            kept.append(k)
    return sorted(kept, key=lambda k: windows[k])


def block_shares(
    effects: WindowEffects, values: Float[np.ndarray, "draw window"], curves: Curves
) -> Float[np.ndarray, "draw block"]:
    """What each block carries: the larger of its effect alone, where it was measured, and of what both curves gain there."""
    shares = curves.gained.copy()
    for k, (first, last) in enumerate(effects.windows):
        if first == last:
            shares[:, first] = np.maximum(shares[:, first], values[:, k])
    return shares


def carrying_blocks(window: Window, effect: float, shares: Float[np.ndarray, " block"]) -> tuple[int, ...]:
    """Blocks of a locus that carry at least a tenth of its effect; all of them where these don't bring half of it together."""
    first, last = window
    blocks = [block for block in range(first, last + 1) if shares[block] >= CARRIES * effect]
    together = sum(float(shares[block]) for block in blocks)
    return tuple(blocks) if together >= MOSTLY * effect else tuple(range(first, last + 1))


def widest_as_blocks(n_layers: int) -> int:
    """Most blocks that a place may span and still be said as `blocks i–j`, not as `spread`."""
    return max(DRAWN_TOGETHER, n_layers // 4)
