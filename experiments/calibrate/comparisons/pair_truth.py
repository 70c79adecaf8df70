"""What is true of a planted pair: whose answers change and where that stems from, which families are made elsewhere, what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strata.experiments.calibrate.comparisons.planted_pair import OF_ANSWERS, PlantedPair
from strata.experiments.calibrate.truth import FamilyTruth, truth_of
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind

_CLAIMS = {"table": -1, "lost": -1, "learnt": 1}


@dataclass(frozen=True)
class MovedFamily:
    """Where a family's answers are made in base and second model."""

    before: FamilyTruth
    after: FamilyTruth


@dataclass(frozen=True)
class PairTruth:
    """The truth of one pair."""

    n_layers: int
    claims: Mapping[Kind, int]
    """1: more of the kind is answered right, −1: less, 0: as much."""
    sources: Mapping[Kind, tuple[FamilyTruth, ...]]
    """Of kinds that are answered otherwise: the families that are, which say in which cell and blocks."""
    moved: Mapping[str, MovedFamily]
    unchanged: tuple[str, ...]
    """Families that both models answer, at the same place."""
    format_alone: bool
    """Whether answers come back when they are asked for in another way."""


def truth_of_pair(pair: PlantedPair) -> PairTruth:
    """Follows from the construction and the change alone."""
    before, after = truth_of(pair.base), truth_of(pair.second)
    sign = _CLAIMS.get(pair.change, 0)
    return PairTruth(
        n_layers=pair.base.n_layers,
        claims={kind: sign if kind == pair.kind else 0 for kind in KNOWLEDGE_AND_REASONING},
        sources={pair.kind: tuple(before.families[name] for name in pair.families)} if pair.kind and pair.change in OF_ANSWERS else {},
        moved={
            name: MovedFamily(before.families[name], after.families[name])
            for name in (pair.families if pair.change == "moved" else ())
        },
        unchanged=() if pair.change == "format" else tuple(
            name for name in before.families if name not in pair.families or pair.change in ("learnt", "lost")
        ),
        format_alone=pair.change == "format",
    )  # fmt: skip
