"""How right is a summary about a model whose truth is known, and what does it claim of one in which nothing is planted?

Pure functions over what a `summary.json` of version 2 says (`ScoredSummary`) and a truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from strata.experiments.calibrate.scored_summary import ScoredFamily, ScoredSummary
from strata.experiments.calibrate.truth import FamilyTruth, Truth
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING

Verdict = Literal["right", "part", "silent", "wrong"]
OrderScore = Literal["right", "undetermined", "wrong"]
VERDICTS: tuple[Verdict, ...] = ("right", "part", "silent", "wrong")
_SHALLOW = 12
"""Up to this many blocks the ends of a right place are at most one block off, beyond it two."""
_WIDER = 2
"""Blocks by which a place that holds all that is true may exceed it."""
_TOGETHER = 0.05
"""Depths that are closer than this count as together."""


@dataclass(frozen=True)
class FamilyScore:
    family: str
    kind: str
    cell: str
    """The true one."""
    verdict: Verdict
    error: float | None
    """Blocks from the middle of the true place to the middle of the one that is said, in whatever cell; None without a place."""
    within_one: bool
    """The true cell, and both ends at most one block off."""
    support: float | None
    """Share of draws of entities with the cell that is said, as published."""
    why_silent: str | None
    """Reason code of the summary where there is no place."""
    covers: tuple[bool, bool] | None
    """Whether the interval reaches the first and the last true block; None without a place in the true cell."""
    interval_width: int | None
    """Blocks of the interval."""
    reading_said: str | None
    """How the true cell's blocks act together, as said; None where that isn't said."""
    reading_right: bool | None


@dataclass(frozen=True)
class ConstructionScore:
    name: str
    half: str
    families: tuple[FamilyScore, ...]
    order_true: str
    order_said: str
    order: OrderScore
    """`undetermined` where an order is true and none is said."""
    kinds: Mapping[str, Verdict]
    """`part` doesn't occur: a located kind is right or wrong."""


@dataclass(frozen=True)
class Claims:
    """What a summary claims of a model in which nothing is planted."""

    blocks: int
    """Kinds located as blocks."""
    spread: int
    """Kinds located as spread."""
    kinds: int
    """Kinds of which families were answered (knowledge and reasoning)."""
    placed: int
    families: int
    """Families that were answered."""
    order: bool
    order_general: bool
    """Whether the order is said for more than the families that were asked."""


def score(summary: ScoredSummary, truth: Truth, excluded: Sequence[str] = ()) -> ConstructionScore:
    """`excluded`: families whose plant failed its revert test; neither they nor controls are scored."""
    families = {name: family for name, family in truth.families.items() if not family.copied and name not in excluded}
    said = summary.verdict
    return ConstructionScore(
        truth.name,
        truth.half,
        tuple(
            score_family(name, summary.families.get(name, ScoredFamily()), family, truth.n_layers)
            for name, family in families.items()
        ),
        truth.order,
        said,
        score_order(said, truth),
        {kind: _score_kind(summary, kind, families, truth.n_layers) for kind in dict.fromkeys(family.kind for family in families.values())},
    )  # fmt: skip


def score_family(name: str, said: ScoredFamily, truth: FamilyTruth, n_layers: int) -> FamilyScore:
    place = said.place
    reading = said.cells[truth.cell].reading if truth.cell in said.cells else None
    right = (
        None
        if reading is None or truth.reading is None
        else reading == {"single": "additive"}.get(truth.reading, truth.reading)
    )
    if place is None:
        code = "not in the summary" if said.why_not_placed is None else said.why_not_placed.code
        return FamilyScore(
            name, truth.kind, truth.cell, "silent", None, False, None, code, None, None, reading, right
        )  # fmt: skip
    covers, width = None, None
    if place.interval is not None:
        low, high = place.interval
        width = high - low + 1
        if place.cell == truth.cell:
            covers = low <= truth.hull[0], truth.hull[1] <= high
    verdict = score_place(place.cell, place.first, place.last, truth, n_layers)
    low, high = truth.hull
    error = abs((place.first + place.last) - (low + high)) / 2
    near = place.cell == truth.cell and abs(place.first - low) <= 1 and abs(place.last - high) <= 1
    return FamilyScore(
        name, truth.kind, truth.cell, verdict, error, near, place.support, None, covers, width, reading, right
    )  # fmt: skip


def score_place(cell: str, first: int, last: int, truth: FamilyTruth, n_layers: int) -> Verdict:
    """`right`: the cell, and both ends nearly, or all that is true and little more; `part`: some of it."""
    low, high = truth.hull
    if cell != truth.cell or last < low or first > high:
        return "wrong"
    off = 1 if n_layers <= _SHALLOW else 2
    near = abs(first - low) <= off and abs(last - high) <= off
    holds = first <= low and high <= last and (last - first) <= (high - low) + _WIDER
    return "right" if near or holds else "part"


def score_order(said: str, truth: Truth) -> OrderScore:
    if truth.order == "undetermined":
        together = (
            said == "together" and abs(_mean_depth(truth, "knowledge") - _mean_depth(truth, "reasoning")) <= _TOGETHER
        )
        return "right" if said == "undetermined" or together else "wrong"
    if said == truth.order:
        return "right"
    return "undetermined" if said == "undetermined" else "wrong"


def claims(summary: ScoredSummary) -> Claims:
    kinds = [entry for kind, entry in summary.kinds.items() if kind in KNOWLEDGE_AND_REASONING]
    located = [entry.located for entry in kinds if entry.located is not None]
    families = [family for family in summary.families.values() if family.kind in KNOWLEDGE_AND_REASONING]
    said = summary.order is not None and summary.order.verdict != "undetermined"
    return Claims(
        sum(1 for place in located if place.extent == "blocks"),
        sum(1 for place in located if place.extent != "blocks"),
        sum(1 for entry in kinds if entry.families),
        sum(1 for family in families if family.place is not None),
        len(families),
        said,
        said and summary.order is not None and summary.order.general,
    )


def _score_kind(summary: ScoredSummary, kind: str, families: Mapping[str, FamilyTruth], n_layers: int) -> Verdict:
    located = summary.kinds[kind].located if kind in summary.kinds else None
    if located is None:
        return "silent"
    off = 1 if n_layers <= _SHALLOW else 2
    of_kind = [family for family in families.values() if family.kind == kind and family.cell == located.cell]
    if not of_kind:
        return "wrong"
    low, high = min(family.hull[0] for family in of_kind), max(family.hull[1] for family in of_kind)
    return "right" if low - off <= located.layer <= high + off else "wrong"


def _mean_depth(truth: Truth, kind: str) -> float:
    middles = [sum(family.hull) / 2 for family in truth.families.values() if family.kind == kind]
    return (sum(middles) / len(middles) + 0.5) / truth.n_layers if middles else 0.0
