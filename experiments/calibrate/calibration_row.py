"""One finished localisation of a calibration: a line of `results.jsonl`."""

from __future__ import annotations

from pydantic import Field

from strata.experiments.calibrate.nulls import NullKind
from strata.experiments.calibrate.scored_summary import ScoredPart, ScoredSummary
from strata.experiments.calibrate.truth import Truth


class CalibrationRow(ScoredPart):
    """The line."""

    key: str
    name: str
    null: bool
    max_pairs: int
    seed: int = 0
    null_kind: NullKind | None = None
    truth: Truth | None = None
    """None for nulls, of which nothing is true."""
    excluded: dict[str, list[str]] = Field(default_factory=dict)
    """Families whose plant failed its revert test, with the parts that did."""
    accuracy: dict[str, float] = Field(default_factory=dict)
    """Of the intact families, where plants were reverted."""
    summary: ScoredSummary | None = None
    """None where the localisation ended in an error."""
    seconds: float = 0.0
    error: str | None = None
