"""One finished comparison of a calibration: a line of `results.jsonl`."""

from __future__ import annotations

from strata.experiments.calibrate.comparisons.comparison_claims import ComparisonClaims
from strata.experiments.calibrate.scored_summary import ScoredPart


class PairRow(ScoredPart):
    """The line."""

    key: str
    name: str
    seed: int = 0
    said: ComparisonClaims | None = None
    """None where the comparison ended in an error."""
    seconds: float = 0.0
    error: str | None = None
