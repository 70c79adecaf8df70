"""What do the rows of a calibration amount to? Tallies by construction, over all, of the nulls, by number of pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.calibrate.calibration_row import CalibrationRow
from strata.experiments.calibrate.pipeline import MAX_PAIRS
from strata.experiments.calibrate.score import (
    VERDICTS,
    Claims,
    ConstructionScore,
    OrderScore,
    Verdict,
    claims,
    score,
)
from strata.experiments.calibrate.truth import Truth


@dataclass(frozen=True)
class Tally:
    """Counts over the families and orders of one or more constructions."""

    places: Mapping[Verdict, int]
    orders: Mapping[OrderScore, int]
    """Where an order is true."""
    orders_open: Mapping[OrderScore, int]
    """Where none is: `right` is undetermined, rightly."""
    kinds: Mapping[Verdict, int]
    covered: tuple[int, int]
    """Families whose interval reaches both true ends, of those placed in the true cell."""
    covered_ends: tuple[int, int]
    """Ends of places that the interval reaches, of all ends."""
    interval_width: float | None
    """Mean number of blocks of an interval."""
    readings: tuple[int, int]
    """Readings of the true cell that are right, of those said."""

    @property
    def families(self) -> int:
        return sum(self.places.values())


@dataclass(frozen=True)
class NullTally:
    """What was claimed of nulls of one kind."""

    runs: int
    kinds: int
    blocks: int
    spread: int
    placed: int
    families: int
    orders: int
    orders_general: int
    failed: int
    """Runs that ended in an error, and claim nothing."""


@dataclass(frozen=True)
class Calibration:
    scores: Mapping[str, ConstructionScore]
    """By construction, at the full number of pairs."""
    by_construction: Mapping[str, Tally]
    by_half: Mapping[str, Tally]
    messy: Mapping[str, Tally]
    """Of constructions with superposed codes, by half."""
    readings: Mapping[str, tuple[int, int]]
    """Right and said, by the true reading."""
    nulls: Mapping[str, NullTally]
    power: Mapping[int, Tally]
    """By pairs a family, over constructions that were run with every number."""
    errors: Mapping[str, str]
    excluded: Mapping[str, Mapping[str, Sequence[str]]]
    """By construction: families whose plant failed its revert test, with the parts that did."""


def calibration(rows: Sequence[CalibrationRow]) -> Calibration:
    planted = [row for row in rows if not row.null and row.summary is not None]
    failed_plants = {row.name: row.excluded for row in planted if row.excluded}
    truths = {row.name: row.truth for row in planted if row.truth is not None}
    scored = {
        (row.name, row.max_pairs): score(row.summary, truths[row.name], tuple(failed_plants.get(row.name, ())))
        for row in planted
        if row.summary is not None
    }
    full = {name: result for (name, pairs), result in scored.items() if pairs == MAX_PAIRS}
    halves = sorted({result.half for result in full.values()}, reverse=True)
    messy = {name for name, truth in truths.items() if truth.messy}
    return Calibration(
        full,
        {name: tally([result]) for name, result in full.items()},
        {half: tally([result for result in full.values() if result.half == half]) for half in halves},
        {half: tally([full[name] for name in sorted(messy & set(full)) if full[name].half == half]) for half in halves},
        _readings(full, truths),
        _null_tallies(rows),
        _power(scored),
        {row.name: row.error for row in rows if row.error is not None},
        failed_plants,
    )  # fmt: skip


def tally(scores: Sequence[ConstructionScore]) -> Tally:
    families = [family for result in scores for family in result.families]
    covers = [family.covers for family in families if family.covers is not None]
    widths = [family.interval_width for family in families if family.interval_width is not None]
    readings = [family.reading_right for family in families if family.reading_right is not None]
    return Tally(
        {verdict: sum(family.verdict == verdict for family in families) for verdict in VERDICTS},
        dict(Counter(result.order for result in scores if result.order_true != "undetermined")),
        dict(Counter(result.order for result in scores if result.order_true == "undetermined")),
        dict(Counter(verdict for result in scores for verdict in result.kinds.values())),
        (sum(all(ends) for ends in covers), len(covers)),
        (sum(end for ends in covers for end in ends), 2 * len(covers)),
        sum(widths) / len(widths) if widths else None,
        (sum(readings), len(readings)),
    )


def _readings(scores: Mapping[str, ConstructionScore], truths: Mapping[str, Truth]) -> dict[str, tuple[int, int]]:
    counts: dict[str, list[bool]] = {}
    for name, result in scores.items():
        for family in result.families:
            if family.reading_right is not None:
                counts.setdefault(truths[name].families[family.family].reading, []).append(family.reading_right)
    return {reading: (sum(right), len(right)) for reading, right in sorted(counts.items())}


def _null_tallies(rows: Sequence[CalibrationRow]) -> dict[str, NullTally]:
    tallies: dict[str, NullTally] = {}
    nulls = [row for row in rows if row.null]
    for kind in dict.fromkeys(row.null_kind for row in nulls if row.null_kind is not None):
        of_kind = [row for row in nulls if row.null_kind == kind]
        said: list[Claims] = [claims(row.summary) for row in of_kind if row.summary is not None]
        tallies[kind] = NullTally(
            len(of_kind), sum(one.kinds for one in said), sum(one.blocks for one in said),
            sum(one.spread for one in said), sum(one.placed for one in said), sum(one.families for one in said),
            sum(one.order for one in said), sum(one.order_general for one in said), len(of_kind) - len(said),
        )  # fmt: skip
    return tallies


def _power(scored: Mapping[tuple[str, int], ConstructionScore]) -> dict[int, Tally]:
    numbers = sorted({pairs for _, pairs in scored})
    complete = [name for name in dict.fromkeys(name for name, _ in scored) if all((name, pairs) in scored for pairs in numbers)]  # fmt: skip
    return {pairs: tally([scored[name, pairs] for name in complete]) for pairs in numbers} if len(numbers) > 1 else {}
