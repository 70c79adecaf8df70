"""What does the page of a calibration say? Its facts, every table, and what its plots are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strata.dashboards.sentences.calibration import error_words
from strata.dashboards.sentences.planted_comparisons import CHANGE_HEADS, PAIR_HEADS, change_row, pair_row
from strata.dashboards.sentences.shares import share_words
from strata.experiments.results.calibration import (
    CalibratedPart,
    Calibration,
    EffectPower,
    NullRecord,
    ReliabilityRecord,
)

_SEEN = {"judge": "no", "tune": "yes"}
"""While the rule was made."""
PLOTS = (
    ("support", "Support of a place", "share of draws with its cell, as published", "places that are true"),
    ("interval", "95 % interval of a place's ends", "nominal coverage", "true ends that it reaches"),
    ("coding p", "p of an answer's code where answers are permuted", "p, as published", "codes with so small a p"),
)
"""Of a reliability plot: what is published, its title, and its axes."""


@dataclass(frozen=True)
class Table:
    """One table of the page; all but the first column are numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def record_facts(record: Calibration) -> tuple[str, ...]:
    """What stands at the head."""
    return (
        f"version {record.version}",
        f"seed {record.seed}",
        f"{record.models} models",
        *((f"{len(record.compared)} planted pairs",) if record.compared else ()),
        f"sample: {record.sample}",
    )


def calibration_tables(record: Calibration) -> Iterator[Table]:
    """Those that the record holds numbers for."""
    named = (("All families", record.halves), ("By origin of the weights", record.origins), ("By cell", record.cells), ("By variant of the plant", record.variants), ("By model", record.by_model))  # fmt: skip
    for title, parts in named:
        if parts:
            yield Table(title, _PLACE_HEADS, tuple(_place_row(part) for part in parts))
    if record.nulls:
        title = "False positives: models with nothing to find (in `unequal` the places are true, an order isn't)"
        yield Table(title, _NULL_HEADS, tuple(_null_row(null) for null in record.nulls))
    if record.power:
        heads = ("cell", "pairs a family", "families", "placed", "placed wrongly")
        powers = tuple(
            (one.cell, str(one.pairs), str(one.places.families), share_words(one.places.placed), share_words(one.places.placed_wrong))
            for one in record.power
        )  # fmt: skip
        yield Table("Power: families placed, by number of pairs", heads, powers)
    if record.effects:
        asked = sorted({one.effect for of in record.effects for one in of.shares})
        columns = ("cell", "pairs a family", *(f"{effect:g} of the answer" for effect in asked), "seen from")
        effects = tuple(_effect_row(of, asked) for of in record.effects)
        yield Table(
            "Power: how small a share of an answer is seen, beside a block that writes the rest", columns, effects
        )
    if record.instruments:
        heads = ("instrument", "variant", "within one block", "mean error in blocks", "silent")
        beside = tuple(
            (one.instrument, one.variant, share_words(one.within_one), error_words(one.error_blocks), str(one.silent))
            for one in record.instruments
        )  # fmt: skip
        yield Table("Which instrument says where answers are made", heads, beside)

    if record.screens:
        titles = ("cell", "making blocks kept (recall)", "of all blocks kept")
        screens = tuple((one.cell, share_words(one.recall), share_words(one.kept)) for one in record.screens)
        yield Table("Attribution patching as a screen before exact patching", titles, screens)
    if record.comparisons:
        yield Table(
            "Comparisons of planted pairs, by what differs; intervals count pairs",
            CHANGE_HEADS,
            tuple(change_row(one) for one in record.comparisons),
        )
    if record.compared:
        yield Table("Planted pairs one by one", PAIR_HEADS, tuple(pair_row(one) for one in record.compared))


def _effect_row(of: EffectPower, asked: Sequence[float]) -> tuple[str, ...]:
    seen = {one.effect: share_words(one.seen) for one in of.shares}
    smallest = "–" if of.smallest is None else f"{of.smallest:g}"
    return (of.cell, str(of.pairs), *(seen.get(effect, "–") for effect in asked), smallest)


_NULL_HEADS = ("null", "runs", "kinds in blocks", "kinds spread", "families placed", "orders said", "failed")


def _null_row(null: NullRecord) -> tuple[str, ...]:
    shares = (null.as_blocks, null.as_spread, null.families_placed, null.orders)
    return (null.kind, str(null.runs), *(share_words(one) for one in shares), str(null.failed))


_PLACE_HEADS = (
    "", "seen", "models", "families", "|error| in blocks", "in depth", "within one block", "ends covered", "placed (power)", "silent",
    "wrong", "order right", "order wrong",
)  # fmt: skip


def _place_row(part: CalibratedPart) -> tuple[str, ...]:
    places, orders = part.places, part.orders
    return (
        part.name, _SEEN[part.half], str(places.models), str(places.families), error_words(places.error_blocks),
        error_words(places.error_depth, 2), share_words(places.within_one), share_words(places.coverage),
        share_words(places.placed), str(places.silent), share_words(places.placed_wrong),
        "" if orders is None else share_words(orders.right), "" if orders is None else share_words(orders.wrong),
    )  # fmt: skip


def point_words(one: ReliabilityRecord) -> str:
    """At a point of a plot."""
    return f"{one.published:.2f}: {share_words(one.observed)} of {one.observed.of}"
