"""The record of this version, which every report shows: `kept/calibration.json`, made by the command that it names."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from strata.experiments.results.calibration import Calibration

KEPT = Path(__file__).with_name("kept") / "calibration.json"


@cache
def kept_record() -> Calibration | None:
    """None in a version that keeps none."""
    return Calibration.model_validate_json(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else None
