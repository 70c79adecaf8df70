"""Which blocks stand above the noise? The mass that a depth is taken of, so that clipped noise doesn't pull it to ½."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from strata.experiments.statistics.max_t import PERMUTATIONS, MaxT, max_t_sign_flip, ratio_t
from strata.probes.errors import StrataError

MIN_TESTED = 2
"""A spread between clusters needs two of them."""


@dataclass(frozen=True)
class NoiseFloor:
    """What a block must reach to count."""

    squared_error: Float[np.ndarray, "control draw block"]
    """Of the mean over clusters of effect − control; one draw for all, or one for each."""
    critical: Float[np.ndarray, "control 1 1"]
    """Standard errors above this control that a block needs; −inf lets all positive blocks in, inf none."""


def stack_controls(
    effects: Float[np.ndarray, "cluster block"], controls: Mapping[str, Float[np.ndarray, "cluster block"]]
) -> tuple[Float[np.ndarray, "cluster block"], Float[np.ndarray, "control cluster block"]]:
    """Effects and controls of the clusters that have all of them; no controls are one control that does nothing."""
    effects = np.asarray(effects, dtype=float)
    tables = [np.asarray(table, dtype=float) for table in controls.values()] or [np.zeros_like(effects)]
    for name, table in zip(controls, tables, strict=False):
        if table.shape != effects.shape:
            raise StrataError(
                f"Control {name} has shape {table.shape}, the effects {effects.shape}",
                "Measure every control on the same clusters and blocks",
            )
    stacked = np.stack(tables)
    whole = np.isfinite(effects).all(axis=1) & np.isfinite(stacked).all(axis=(0, 2))
    if not whole.any():
        raise StrataError("No cluster has effects and controls at all blocks", "Loosen the filters")
    return effects[whole], stacked[:, whole]


def noise_floor(
    effects: Float[np.ndarray, "cluster block"],
    controls: Float[np.ndarray, "control cluster block"],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    alpha: float = 0.05,
) -> tuple[NoiseFloor, Float[np.ndarray, " block"]]:
    """The floor, and p by block: the largest over controls of the max-T sign-flip p of effect − control, one-sided.

    A block has p ≤ alpha just when it stands above the floor. One cluster has no spread: p is 1, and all blocks count.
    """
    n_clusters = len(effects)
    if n_clusters < MIN_TESTED:
        empty = np.zeros((len(controls), 1, effects.shape[1]))
        return NoiseFloor(empty, np.full((len(controls), 1, 1), -np.inf)), np.ones(effects.shape[1])
    tests: list[MaxT] = [
        max_t_sign_flip(effects - control, draws=permutations, seed=seed, alternative="greater") for control in controls
    ]
    squared = np.stack([(effects - control).var(0, ddof=1) / n_clusters for control in controls])
    critical = np.array([test.critical(alpha) for test in tests])[:, None, None]
    return NoiseFloor(squared[:, None], critical), np.max([test.p_by_block for test in tests], axis=0)


def supra_threshold_effect(
    effect: Float[np.ndarray, "draw block"], controls: Float[np.ndarray, "control draw block"], floor: NoiseFloor
) -> Float[np.ndarray, "draw block"]:
    """max(effect − largest control, 0) at the blocks above the floor of every control, 0 elsewhere.

    Where no block is above it, the one that comes closest counts alone, so that a depth is always given (whether to believe
    it is for the p-value to say). A row without any positive block is all 0.
    """
    excess = effect - controls.max(0)
    height = ratio_t(effect - controls, floor.squared_error)
    stands = (height > floor.critical).all(0)
    closest = np.arange(excess.shape[-1]) == np.where(excess > 0, height.min(0), -1.0).argmax(-1)[:, None]
    stands = np.where(stands.any(-1, keepdims=True), stands, closest)
    return np.where(stands, np.maximum(excess, 0.0), 0.0)
