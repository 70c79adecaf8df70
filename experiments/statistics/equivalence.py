"""When is "the same depth" a finding, and not just a wide interval around 0?"""

EQUIVALENCE_BOUND = 0.05
"""Depths closer than this share of the model count as one."""


def equivalent(low90: float | None, high90: float | None, bound: float = EQUIVALENCE_BOUND) -> bool:
    """Whether the 90 % interval lies inside ±bound: two one-sided tests at 5 % each (Schuirmann 1987). No interval, no finding."""
    return low90 is not None and high90 is not None and -bound < low90 and high90 < bound
