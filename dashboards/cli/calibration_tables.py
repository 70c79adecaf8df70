"""How is a calibration's record printed? Places and orders by model, nulls, power, planted pairs, real families, intervals."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console

from strata.dashboards.cli.terminal_tables import Column, print_table
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


def print_calibration(record: Calibration, console: Console) -> None:
    if record.by_model:
        _print_places(record, console)
    _print_nulls(record.nulls, console)
    of_all = [(str(one.pairs), *_cells(one.places, one.orders)) for one in record.power if one.cell == "all"]
    if of_all:
        heads = [Column("pairs a family"), *(Column(name, "right") for name in _COLUMNS)]
        print_table(console, "by number of pairs", heads, of_all)
    for cell in dict.fromkeys(of.cell for of in record.effects):
        heads = [Column("pairs a family"), Column("share of the answer"), Column("seen", "right")]
        print_table(
            console, f"{cell}: a block beside another that writes the rest", heads,
            [(str(of.pairs), f"{one.effect:g}", _part(one.seen)) for of in record.effects if of.cell == cell for one in of.shares],
        )  # fmt: skip
    if record.comparisons:
        heads = [Column(CHANGE_HEADS[0]), *(Column(name, "right") for name in CHANGE_HEADS[1:])]
        print_table(console, "comparisons of planted pairs", heads, [change_row(one) for one in record.comparisons])
    if record.compared:
        print_table(
            console, "planted pairs", [Column(name) for name in PAIR_HEADS], [pair_row(one) for one in record.compared]
        )
    for name, error in record.failed.items():
        console.print(f"{name}: {error}", soft_wrap=True)
    for name, families in record.excluded.items():
        parts = "; ".join(f"{family}: {', '.join(failed)}" for family, failed in families.items())
        console.print(f"{name}: not scored, since its plant fails its revert test: {parts}", soft_wrap=True)


def print_real(families: Sequence[FamilyPower], console: Console) -> None:
    """What subsets of the pairs say, beside what all of them say."""
    if not families:
        return
    heads = [Column("real family"), Column("all its pairs say"), *(Column(name, "right") for name in ("pairs", "placed", "same place", "elsewhere")), Column("where else, or why not")]  # fmt: skip
    rows = []
    for family in families:
        said = _said(family)
        rows += [(family.family, said, *_subset_cells([of_number])) for of_number in family.by_pairs]
        if not family.by_pairs:
            rows.append((family.family, said, str(family.pairs), "–", "–", "–", ""))
    placed = [family for family in families if family.place is not None]
    for n in sorted({of_number.pairs for family in placed for of_number in family.by_pairs}):
        of_n = [of_number for family in placed for of_number in family.by_pairs if of_number.pairs == n]
        rows.append((f"all {len(of_n)} placed ones", "", *_subset_cells(of_n)))
    print_table(console, "subsets of a real model's pairs, against all of them", heads, rows)


def print_coverage(coverage: Mapping[str, CoverageTally], console: Console) -> None:
    if not coverage:
        return
    heads = [Column("noise"), *(Column(name, "right") for name in ("families", "placed", "ends covered", "uncertain ends covered", "width", "pairs"))]  # fmt: skip
    rows = [
        (noise, str(of_noise.families), str(of_noise.placed), _share(of_noise.covered_ends, 2 * of_noise.placed),
         _share(of_noise.covered_uncertain, of_noise.uncertain_ends),
         "–" if of_noise.interval_width is None else f"{of_noise.interval_width:.1f}", f"{of_noise.pairs:.0f}")
        for noise, of_noise in coverage.items()
    ]  # fmt: skip
    print_table(console, "intervals of simulated families whose entities differ", heads, rows)


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


def _print_places(record: Calibration, console: Console) -> None:
    heads = [Column("model"), *(Column(name, "right") for name in _COLUMNS)]
    rows = [_row(part, part.name) for part in record.by_model]
    rows += [_row(part, f"{part.name} of {part.half}") for part in (*record.halves, *record.cells, *record.variants)]
    print_table(console, "where families' answers are made, and the order of the kinds", heads, rows)


def _row(part: CalibratedPart, name: str) -> Sequence[str]:
    return (name, *_cells(part.places, part.orders))


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


def _print_nulls(nulls: Sequence[NullRecord], console: Console) -> None:
    if not nulls:
        return
    columns = [Column("null"), *(Column(name, "right") for name in ("runs", "kinds", "as blocks", "as spread", "families", "placed", "orders", "in general", "failed"))]  # fmt: skip
    rows = [
        (null.kind, *(str(count) for count in (
            null.runs, null.as_blocks.of, null.as_blocks.part, null.as_spread.part, null.families_placed.of,
            null.families_placed.part, null.orders.part, null.orders_general.part, null.failed,
        )))
        for null in nulls
    ]  # fmt: skip
    print_table(
        console, "what is claimed where nothing is planted (`unequal`: places are true, an order isn't)", columns, rows
    )


def _part(share: Share) -> str:
    return _share(share.part, share.of)


def _share(part: int, whole_: int) -> str:
    return f"{part / whole_:.0%} of {whole_}" if whole_ else "–"
