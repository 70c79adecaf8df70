"""Which constructions is the instrument tuned on, and which is it judged by?

The judged ones differ from the tuned ones in architecture, depth and blocks, not only in their seed.
"""

from __future__ import annotations

from typing import Literal

from strata.experiments.calibrate.construction import Construction, Half
from strata.experiments.calibrate.judged_constructions import judged_by
from strata.experiments.calibrate.tuning_constructions import tuned_on
from strata.probes.errors import StrataError


def constructions(half: Half | Literal["all"] = "all") -> tuple[Construction, ...]:
    """Those of one half, or all; names are unique."""
    return tuple(each for each in (*tuned_on(), *judged_by()) if half in ("all", each.half))


def construction(name: str) -> Construction:
    """Raises StrataError where there is none of this name."""
    for candidate in constructions():
        if candidate.name == name:
            return candidate
    raise StrataError(f"There is no construction {name!r}", "Choose among: " + ", ".join(each.name for each in constructions()))  # fmt: skip
