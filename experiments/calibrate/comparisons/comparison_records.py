"""From the rows of planted pairs to their record: by what changes, over pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from strata.experiments.calibrate.comparisons.pair_row import PairRow
from strata.experiments.calibrate.comparisons.pair_score import NamedAs, PairScore, score_pair
from strata.experiments.calibrate.comparisons.pair_truth import truth_of_pair
from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair
from strata.experiments.calibrate.shares import share
from strata.experiments.results.calibration import ComparedPair, ComparisonRecord, PlantedChange, Share

_TABLES: Mapping[str, PlantedChange] = {"knowledge": "facts table", "reasoning": "reasoning table"}


@dataclass(frozen=True)
class ComparedPairs:
    """The part of a calibration's record that is of pairs."""

    comparisons: tuple[ComparisonRecord, ...] = ()
    compared: tuple[ComparedPair, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """By pair the error that its comparison ended in."""


@dataclass(frozen=True)
class _Scored:
    pair: PlantedPair
    row: PairRow
    score: PairScore | None
    """None where there is nothing to score."""


def compared_pairs(pairs: Sequence[PlantedPair], rows: Sequence[PairRow]) -> ComparedPairs:
    """`rows`: of these pairs, in their order."""
    scored = [
        _Scored(pair, row, None if row.said is None else score_pair(row.said, truth_of_pair(pair)))
        for pair, row in zip(pairs, rows, strict=True)
    ]
    return ComparedPairs(
        tuple(_records(scored)),
        tuple(_told(one, one.score) for one in scored if one.score is not None),
        {one.pair.name: one.row.error for one in scored if one.row.error is not None},
    )


def change_of(pair: PlantedPair) -> PlantedChange:
    """In what the second model differs, other tables of knowledge and of reasoning told apart."""
    if pair.change == "table":
        assert pair.kind is not None
        return _TABLES[pair.kind]
    return pair.change


def _told(one: _Scored, score: PairScore) -> ComparedPair:
    base = one.pair.base
    return ComparedPair(
        name=one.pair.name, change=change_of(one.pair), architecture=base.architecture, n_layers=base.n_layers,
        named=score.named, alarms=score.alarms, seconds=one.row.seconds,
    )  # fmt: skip


def _records(scored: Sequence[_Scored]) -> Iterator[ComparisonRecord]:
    changes = dict.fromkeys(change_of(one.pair) for one in scored)
    for change in changes:
        yield _record(change, [one for one in scored if change_of(one.pair) == change])
    if len(changes) > 1:
        yield _record("all", scored)


def _record(change: PlantedChange | Literal["all"], scored: Sequence[_Scored]) -> ComparisonRecord:
    scores = [one.score for one in scored if one.score is not None]
    return ComparisonRecord(
        change=change, pairs=len(scored), failed=sum(one.row.error is not None for one in scored),
        named=_named(scores, "right"), wrong=_named(scores, "wrong"), silent=_named(scores, "silent"),
        claims=share([(sum(one.claims), len(one.claims)) for one in scores]),
        formats=share([(sum(one.formats), len(one.formats)) for one in scores]),
        stayed=share([(one.stayed, one.unchanged) for one in scores]),
        alarms=share([(bool(one.alarms), 1) for one in scores]),
    )  # fmt: skip


def _named(scores: Sequence[PairScore], named: NamedAs) -> Share:
    return share([(one.named.count(named), len(one.named)) for one in scores])
