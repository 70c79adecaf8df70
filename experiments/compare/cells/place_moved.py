"""When is the answer of a family said to be made elsewhere than before, and when at the same place?"""

from __future__ import annotations

from typing import Literal

from strata.experiments.statistics.significance import ALPHA

NEARLY_ALL = 0.95
"""Share of draws in which two places overlap from which on they are called one."""
PlaceMoved = Literal["elsewhere", "same", "open"]


def place_moved(p: float, overlap: float) -> PlaceMoved:
    """What is said of the two places of a family; `p`: of an overlap, corrected, `overlap`: share of draws in which they have one."""
    return "elsewhere" if p <= ALPHA else "same" if overlap >= NEARLY_ALL else "open"
