"""Where does a checkpoint stand among the others of a sweep? At a dose, at a training step, or where the person says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.experiments.results.sweep import SweepAxis
from strata.experiments.sweep.sweep_file import GivenCheckpoint
from strata.probes.checkpoints.spec import Dose, parse_dose
from strata.probes.errors import StrataError

_STEP = re.compile(r"(?:^|[-_@.])(?:step|checkpoint|iter|global_step)[-_]?(\d+)(?:$|[-_.+])", re.IGNORECASE)
_DOSE, _STEPS, _ORDER = "dose", "training step", "checkpoint"


@dataclass(frozen=True)
class Placed:
    """Checkpoints on one axis."""

    axis: SweepAxis
    at: tuple[float | None, ...]
    """One a checkpoint, in their order; None: nothing is known of it, where others are placed."""


def placed(checkpoints: Sequence[GivenCheckpoint], axis: str | None) -> Placed:
    """Where each stands: as the person says (`axis` names what is counted), else by dose, else by the step in its name, else in order."""
    given = [each.at for each in checkpoints]
    if any(at is not None for at in given):
        return Placed(SweepAxis(kind="given", name=axis or "at"), tuple(given))
    specs = [each.spec for each in checkpoints]
    doses = _doses(specs)
    if any(dose is not None for dose in doses):
        return Placed(SweepAxis(kind="dose", name=_DOSE), tuple(doses))
    steps = [_step(spec) for spec in specs]
    if any(step is not None for step in steps):
        return Placed(SweepAxis(kind="step", name=_STEPS), tuple(steps))
    return Placed(SweepAxis(kind="order", name=_ORDER), tuple(float(place) for place in range(len(specs))))


def _doses(specs: Sequence[str]) -> list[float | None]:
    """Of one pair of ends, which themselves are doses as well; nothing where there are several pairs."""
    parsed = [_dose_of(spec) for spec in specs]
    pairs = {(dose.base, dose.distilled) for dose in parsed if dose is not None}
    if len(pairs) != 1:
        return [None] * len(specs)
    ends = dict(zip(pairs.pop(), (0.0, 1.0), strict=True))
    return [ends.get(spec) if dose is None else dose.share for spec, dose in zip(specs, parsed, strict=True)]


def _dose_of(spec: str) -> Dose | None:
    try:
        return parse_dose(spec)
    except StrataError:  # said where it is opened: the other runs are made
        return None


def _step(spec: str) -> float | None:
    """`org/name@step1000`, `out/checkpoint-500`, `out/global_step_40`."""
    found = _STEP.search(Path(spec).name)
    return float(found[1]) if found else None
