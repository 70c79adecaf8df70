"""How right is a comparison about a pair whose truth is known? What changed, named rightly, wrongly or not, and what didn't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from strata.experiments.calibrate.comparisons.comparison_claims import (
    ClaimedMove,
    ClaimedSource,
    ComparisonClaims,
    KindClaims,
)
from strata.experiments.calibrate.comparisons.pair_truth import MovedFamily, PairTruth
from strata.experiments.calibrate.scored_summary import ScoredPlace
from strata.experiments.calibrate.truth import FamilyTruth
from strata.experiments.results.calibration import Alarm

NamedAs = Literal["right", "wrong", "silent"]
_HALF = 0.5
"""Of a fall: from here on most of it is called format."""


@dataclass(frozen=True)
class PairScore:
    """The score of one pair."""

    named: tuple[NamedAs, ...]
    """One for every kind that is answered otherwise and every family that moved: the right cell and blocks, others, or none."""
    claims: tuple[bool, ...]
    """Of each kind: whether a gain, a loss or neither is claimed rightly."""
    formats: tuple[bool, ...]
    """Of each kind that is answered less often as it is asked: whether that is called a matter of format rightly."""
    stayed: int
    """Of the families that both models answer at the same place: said to be."""
    unchanged: int
    alarms: tuple[Alarm, ...]
    """What is said to have changed and didn't."""


def score_pair(said: ComparisonClaims, truth: PairTruth) -> PairScore:
    """Pure: of what was said and what is true."""
    moves = {move.family: move for move in said.moved}
    named = [
        _source_named(said.kinds[kind], families) for kind, families in truth.sources.items()
    ] + [_move_named(moves.get(name), moved) for name, moved in truth.moved.items()]  # fmt: skip
    return PairScore(
        named=tuple(named),
        claims=tuple(said.kinds[kind].claimed == claim for kind, claim in truth.claims.items()),
        formats=tuple(
            (of_kind.format_from is not None and of_kind.format_from > _HALF) == truth.format_alone
            for of_kind in said.kinds.values()
            if of_kind.falls_as_asked
        ),
        # A family that moved may be said to have stayed too, and isn't counted for it.
        stayed=min(said.stayed, len(truth.unchanged)),
        unchanged=len(truth.unchanged),
        alarms=tuple(dict.fromkeys(_alarms(said, truth))),
    )  # fmt: skip


def _source_named(said: KindClaims, families: tuple[FamilyTruth, ...]) -> NamedAs:
    """Where a change of the answers stems from is asked only of a change that is claimed."""
    source = said.source
    if not said.claimed or source is None or not source.named:
        return "silent"
    return "right" if any(_is(source, family) for family in families) else "wrong"


def _is(source: ClaimedSource, family: FamilyTruth) -> bool:
    return source.cell == family.cell and source.block in family.blocks


def _move_named(said: ClaimedMove | None, moved: MovedFamily) -> NamedAs:
    if said is None:
        return "silent"
    return "right" if _at(said.before, moved.before) and _at(said.after, moved.after) else "wrong"


def _at(place: ScoredPlace, family: FamilyTruth) -> bool:
    return (place.cell, place.first, place.last) == (family.cell, *family.hull)


def _alarms(said: ComparisonClaims, truth: PairTruth) -> Iterator[Alarm]:
    for kind, claim in truth.claims.items():
        if said.kinds[kind].claimed and not claim:
            yield "claimed"
    kinds = {moved.before.kind for moved in truth.moved.values()}
    for name, of_kind in said.kinds.items():
        if name not in kinds and of_kind.depth in ("deeper", "shallower"):
            yield "kind-moved"
    if any(move.family not in truth.moved for move in said.moved):
        yield "family-moved"
    for cell in said.changed:
        moved = truth.moved.get(cell.family)
        if moved is None:
            yield "cell-changed"
            continue
        differ = _effects(moved.before) ^ _effects(moved.after)
        blocks = {block for of_cell, block in differ if of_cell == cell.cell}
        if not blocks or not set(cell.blocks) <= blocks:
            yield "other-cell-changed"


def _effects(family: FamilyTruth) -> set[tuple[str, int]]:
    """Where the family's answers are made, prepared and relayed."""
    there = {(family.cell, block) for block in family.blocks}
    return there | {(place.cell, block) for place in (*family.prepares, *family.relays) for block in place.blocks}
