"""What of a localisation does calibration score and keep? A part of its `summary.json` of version 2."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, JsonValue


class ScoredPart(BaseModel):
    """Whatever isn't declared is dropped when it is read; what wasn't said isn't written."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ScoredPlace(ScoredPart):
    cell: str
    first: int
    last: int
    interval: tuple[int, int] | None = None
    extent: str = "blocks"
    depth: float | None = None
    support: float | None = None
    reading: str | None = None


class ScoredReason(ScoredPart):
    """Why there is no place. Its numbers are kept as they are said."""

    model_config = ConfigDict(extra="allow")
    code: str


class ScoredCell(ScoredPart):
    effect: JsonValue = None
    counts: bool = False
    reading: str | None = None
    """How the cell's blocks act together."""


class ScoredFamily(ScoredPart):
    kind: str | None = None
    pairs: int | None = None
    entities: int | None = None
    answered_both: float | None = None
    place: ScoredPlace | None = None
    why_not_placed: ScoredReason | None = None
    loci: JsonValue = None
    cells: dict[str, ScoredCell] = {}


class ScoredLocation(ScoredPart):
    model_config = ConfigDict(extra="allow")
    cell: str
    layer: int
    extent: str = "blocks"


class ScoredKind(ScoredPart):
    located: ScoredLocation | None = None
    why_not_located: JsonValue = None
    families: int = 1
    """Answered families."""


class ScoredOrder(ScoredPart):
    model_config = ConfigDict(extra="allow")
    verdict: str = "undetermined"
    general: bool = True
    """Whether it is said of more than the families that were asked."""


class ScoredSummary(ScoredPart):
    families: dict[str, ScoredFamily] = {}
    kinds: dict[str, ScoredKind] = {}
    order: ScoredOrder | None = None

    @property
    def verdict(self) -> str:
        """Of the order of the two kinds."""
        return "undetermined" if self.order is None else self.order.verdict
