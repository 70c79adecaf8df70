"""Of all the sites called significant, how many are false? Benjamini–Hochberg."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def benjamini_hochberg(p: Sequence[float | None] | Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """q-values: the smallest false-discovery rate at which each test is called (Benjamini and Hochberg 1995).

    `q_(i) = min_{j ≥ i} p_(j) · m / j` over the m tests that were made; a missing p (None or NaN) is no test and stays NaN.
    """
    values = np.array([np.nan if v is None else v for v in p], dtype=float)
    made = np.isfinite(values)
    tested = values[made]
    order = np.argsort(tested, kind="stable")
    scaled = tested[order] * (len(tested) / np.arange(1, len(tested) + 1))
    q = np.empty_like(tested)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    values[made] = q
    return values
