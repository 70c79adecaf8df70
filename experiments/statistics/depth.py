"""How deep does an effect sit? The mean depth of its mass, and the block at which half of it is reached."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def folded(profile: Float[np.ndarray, "*draw site_block"], sites: int) -> Float[np.ndarray, "*draw block"]:
    """The sum over positions of a profile whose columns hold the blocks of one position after those of another.

    A block stands out at one position and not at another, so noise is judged position by position and only what is left
    is summed over them.
    """
    profile = np.asarray(profile, dtype=float)
    return profile.reshape(*profile.shape[:-1], sites, -1).sum(-2)


def effect_depth(profile: Float[np.ndarray, "*draw block"]) -> Float[np.ndarray, "*draw"]:
    """`Σ_b max(e_b, 0) x_b / Σ_b max(e_b, 0)` with `x_b = (b + ½)/L`; NaN where no block is positive.

    Clipping noise pulls this to ½: take it of a mean over clusters, and of blocks that stand above the noise (`standing`).
    """
    mass = np.maximum(np.asarray(profile, dtype=float), 0.0)
    n_blocks = mass.shape[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mass @ ((np.arange(n_blocks) + 0.5) / n_blocks) / mass.sum(-1))


def half_mass_block(profile: Float[np.ndarray, "*draw block"]) -> Float[np.ndarray, "*draw"]:
    """First block at which the cumulative clipped mass reaches 50 %, a whole number; NaN where no block is positive."""
    mass = np.maximum(np.asarray(profile, dtype=float), 0.0)
    reached = np.cumsum(mass, axis=-1)
    total = reached[..., -1:]
    # Half of two equal blocks is the first of them, whichever way their sum was rounded.
    first = (reached >= 0.5 * total * (1 - 1e-12)).argmax(-1)
    return np.where(total[..., 0] > 0, first, np.nan)
