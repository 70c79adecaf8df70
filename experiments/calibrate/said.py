"""What does a localisation say, as far as calibration reads it? The part of a `summary.json` of version 2 that is scored and kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue

from strata.experiments.calibrate.nulls import NullKind
from strata.experiments.calibrate.truth import Truth


class _Part(BaseModel):
    """Whatever isn't declared is dropped when it is read; what wasn't said isn't written."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SaidPlace(_Part):
    cell: str
    first: int
    last: int
    interval: tuple[int, int] | None = None
    extent: str = "blocks"
    depth: float | None = None
    support: float | None = None
    reading: str | None = None


class SaidReason(_Part):
    """Why there is no place. Its numbers are kept as they are said."""

    model_config = ConfigDict(extra="allow")
    code: str


class SaidCell(_Part):
    effect: JsonValue = None
    counts: bool = False
    reading: str | None = None
    """How the cell's blocks act together."""


class SaidFamily(_Part):
    kind: str | None = None
    pairs: int | None = None
    entities: int | None = None
    answered_both: float | None = None
    place: SaidPlace | None = None
    why_not_placed: SaidReason | None = None
    loci: JsonValue = None
    cells: dict[str, SaidCell] = {}


class SaidLocated(_Part):
    model_config = ConfigDict(extra="allow")
    cell: str
    layer: int
    extent: str = "blocks"


class SaidKind(_Part):
    located: SaidLocated | None = None
    why_not_located: JsonValue = None
    families: int = 1
    """Answered families."""


class SaidOrder(_Part):
    model_config = ConfigDict(extra="allow")
    verdict: str = "undetermined"
    general: bool = True
    """Whether it is said of more than the families that were asked."""


class Said(_Part):
    families: dict[str, SaidFamily] = {}
    kinds: dict[str, SaidKind] = {}
    order: SaidOrder | None = None

    @property
    def verdict(self) -> str:
        """Of the order of the two kinds."""
        return "undetermined" if self.order is None else self.order.verdict


class CalibrationRow(_Part):
    """One finished localisation: a line of results.jsonl."""

    key: str
    name: str
    null: bool
    max_pairs: int
    seed: int = 0
    null_kind: NullKind | None = None
    truth: Truth | None = None
    """None for nulls, of which nothing is true."""
    excluded: dict[str, list[str]] = {}
    """Families whose plant failed its revert test, with the parts that did."""
    accuracy: dict[str, float] = {}
    """Of the intact families, where plants were reverted."""
    summary: Said | None = None
    """None where the localisation ended in an error."""
    seconds: float = 0.0
    error: str | None = None
