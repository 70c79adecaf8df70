"""At which block is half of an effect reached?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def half_mass_block(profile: Float[np.ndarray, "*draw block"]) -> Float[np.ndarray, "*draw"]:
    """First block at which the cumulative clipped mass reaches 50 %, a whole number; NaN where no block is positive."""
    mass = np.maximum(np.asarray(profile, dtype=float), 0.0)
    reached = np.cumsum(mass, axis=-1)
    total = reached[..., -1:]
    # Half of two equal blocks is the first of them, whichever way their sum was rounded.
    first = (reached >= 0.5 * total * (1 - 1e-12)).argmax(-1)
    return np.where(total[..., 0] > 0, first, np.nan)
