"""A bootstrap of few clusters is too narrow: by how much?"""

from __future__ import annotations

import math
from statistics import NormalDist


def stretch(n_clusters: int, level: float = 0.95) -> float:
    """Factor by which bootstrap draws are moved away from the estimate: `√(G/(G − 1)) · t/z`.

    Draws of G clusters spread by the standard deviation with G in the denominator instead of G − 1, and percentiles act as if
    that spread were known instead of estimated (Hesterberg 2015, "narrowness bias"). For the mean of Gaussian clusters the
    stretched percentile interval is Student's. t is by its expansion in 1/(G − 1), within .01 from eight clusters on: with
    `scipy.stats.t` every published interval would move by as much.
    """
    z, nu = NormalDist().inv_cdf((1 + level) / 2), n_clusters - 1
    t = z + (z**3 + z) / (4 * nu) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
    return math.sqrt(n_clusters / nu) * t / z
