"""What does a terminal say of a calibration's record? Places and orders by model, nulls, power, planted pairs, real families, intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strata.dashboards.sentences.planted_comparisons import CHANGE_HEADS, PAIR_HEADS, change_row, pair_row
from strata.experiments.results.calibration import (
    CalibratedPart,
    Calibration,
    CoverageTally,
    FamilyPower,
    NullRecord,
    OrderRecord,
    PlaceRecord,
    Share,
    SubsetTally,
)


@dataclass(frozen=True)
class PrintedTable:
    """A title, heads and rows."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    words: tuple[str, ...] = ()
    """Heads of columns that hold words; all others hold numbers."""


def printed_tables(record: Calibration) -> Iterator[PrintedTable]:
    """Those that the record holds numbers for."""
    if record.by_model:
        yield _places(record)
    if record.nulls:
        yield _nulls(record.nulls)
    of_all = [(str(one.pairs), *_cells(one.places, one.orders)) for one in record.power if one.cell == "all"]
    if of_all:
        yield PrintedTable("by number of pairs", (_PAIRS, *_COLUMNS), of_all, (_PAIRS,))
    for cell in dict.fromkeys(of.cell for of in record.effects):
        share = "share of the answer"
        yield PrintedTable(
            f"{cell}: a block beside another that writes the rest", (_PAIRS, share, "seen"),
            [(str(of.pairs), f"{one.effect:g}", _part(one.seen)) for of in record.effects if of.cell == cell for one in of.shares],
            (_PAIRS, share),
        )  # fmt: skip
    if record.comparisons:
        rows = [change_row(one) for one in record.comparisons]
        yield PrintedTable("comparisons of planted pairs", CHANGE_HEADS, rows, CHANGE_HEADS[:1])
    if record.compared:
        yield PrintedTable("planted pairs", PAIR_HEADS, [pair_row(one) for one in record.compared], PAIR_HEADS)


def not_scored(record: Calibration) -> Iterator[str]:
    """Models that failed, and those whose plant isn't what it should be."""
    for name, error in record.failed.items():
        yield f"{name}: {error}"
    for name, families in record.excluded.items():
        parts = "; ".join(f"{family}: {', '.join(failed)}" for family, failed in families.items())
        yield f"{name}: not scored, since its plant fails its revert test: {parts}"


def real_families(families: Sequence[FamilyPower]) -> PrintedTable:
    """What subsets of the pairs say, beside what all of them say."""
    heads = ("real family", "all its pairs say", "pairs", "placed", "same place", "elsewhere", "where else, or why not")
    rows: list[tuple[str, ...]] = []
    for family in families:
        said = _said(family)
        rows += [(family.family, said, *_subset_cells([of_number])) for of_number in family.by_pairs]
        if not family.by_pairs:
            rows.append((family.family, said, str(family.pairs), "–", "–", "–", ""))
    placed = [family for family in families if family.place is not None]
    for n in sorted({of_number.pairs for family in placed for of_number in family.by_pairs}):
        of_n = [of_number for family in placed for of_number in family.by_pairs if of_number.pairs == n]
        rows.append((f"all {len(of_n)} placed ones", "", *_subset_cells(of_n)))
    title = "subsets of a real model's pairs, against all of them"
    return PrintedTable(title, heads, rows, (*heads[:2], heads[-1]))


def simulated(coverage: Mapping[str, CoverageTally]) -> PrintedTable:
    """Intervals of families that were simulated."""
    heads = ("noise", "families", "placed", "ends covered", "uncertain ends covered", "width", "pairs")
    rows = [
        (noise, str(of_noise.families), str(of_noise.placed), _share(of_noise.covered_ends, 2 * of_noise.placed),
         _share(of_noise.covered_uncertain, of_noise.uncertain_ends),
         "–" if of_noise.interval_width is None else f"{of_noise.interval_width:.1f}", f"{of_noise.pairs:.0f}")
        for noise, of_noise in coverage.items()
    ]  # fmt: skip
    return PrintedTable("intervals of simulated families whose entities differ", heads, rows, heads[:1])


def _said(family: FamilyPower) -> str:
    if not family.by_pairs:
        return f"not measured ({family.why_not_placed})"
    if family.place is None:
        return f"{family.pairs}: no place ({family.why_not_placed})"
    place = family.place
    low, high = place.interval
    return f"{family.pairs}: {place.cell} {place.first}–{place.last} [{low}–{high}], in {place.support:.0%} of draws"


def _subset_cells(tallies: Sequence[SubsetTally]) -> tuple[str, ...]:
    subsets = sum(of_number.subsets for of_number in tallies)
    otherwise = Counter[str]()
    for of_number in tallies:
        otherwise.update(of_number.elsewhere_in)
        otherwise.update(of_number.silent)
    counts = (sum(getattr(of_number, name) for of_number in tallies) for name in ("placed", "same", "elsewhere"))
    shares = (_share(count, subsets) for count in counts)
    return (str(tallies[0].pairs), *shares, ", ".join(f"{code} {n}" for code, n in otherwise.most_common()))


def _places(record: Calibration) -> PrintedTable:
    rows = [_row(part, part.name) for part in record.by_model]
    rows += [_row(part, f"{part.name} of {part.half}") for part in (*record.halves, *record.cells, *record.variants)]
    title = "where families' answers are made, and the order of the kinds"
    return PrintedTable(title, ("model", *_COLUMNS), rows, ("model",))


def _row(part: CalibratedPart, name: str) -> Sequence[str]:
    return (name, *_cells(part.places, part.orders))


_PAIRS = "pairs a family"
_COLUMNS = (
    "families",
    "right",
    "part",
    "silent",
    "wrong",
    "order",
    "undetermined",
    "wrong order",
    "ends covered",
    "width",
    "readings",
)


def _cells(places: PlaceRecord, orders: OrderRecord | None) -> Sequence[str]:
    counts = (places.families, places.right, places.part, places.silent, places.wrong)
    if orders is None:
        of_orders: tuple[str, ...] = ("", "", "")
    else:
        without = orders.claimed.of - orders.claimed.part
        of_orders = (
            str(orders.right.part),
            str(orders.silent.part + without),
            str(orders.wrong.part + orders.claimed.part),
        )
    return (
        *(str(count) for count in counts),
        *of_orders,
        _part(places.coverage),
        "–" if math.isnan(places.interval_blocks) else f"{places.interval_blocks:.1f}",
        _part(places.readings),
    )


def _nulls(nulls: Sequence[NullRecord]) -> PrintedTable:
    heads = ("null", "runs", "kinds", "as blocks", "as spread", "families", "placed", "orders", "in general", "failed")
    rows = [
        (null.kind, *(str(count) for count in (
            null.runs, null.as_blocks.of, null.as_blocks.part, null.as_spread.part, null.families_placed.of,
            null.families_placed.part, null.orders.part, null.orders_general.part, null.failed,
        )))
        for null in nulls
    ]  # fmt: skip
    title = "what is claimed where nothing is planted (`unequal`: places are true, an order isn't)"
    return PrintedTable(title, heads, rows, ("null",))


def _part(share: Share) -> str:
    return _share(share.part, share.of)


def _share(part: int, whole_: int) -> str:
    return f"{part / whole_:.0%} of {whole_}" if whole_ else "–"
