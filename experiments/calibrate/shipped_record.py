"""The record of this version, which every report shows: `shipped/calibration.json`, made by the command that it names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from strata.experiments.results.calibration import Calibration

SHIPPED = Path(__file__).with_name("shipped") / "calibration.json"


@cache
def shipped_record() -> Calibration | None:
    """None in a version that ships none."""
    return Calibration.model_validate_json(SHIPPED.read_text(encoding="utf-8")) if SHIPPED.exists() else None
