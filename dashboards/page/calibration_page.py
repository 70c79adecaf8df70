"""From the record of a calibration to its page: tables by cell, variant, null and number of pairs, and a reliability plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.page.document import document
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.calibration import calibrated_sentence, error_words
from strata.dashboards.sentences.planted_comparisons import CHANGE_HEADS, PAIR_HEADS, change_row, pair_row
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.sentences.shares import share_words
from strata.experiments.results.calibration import CalibratedPart, Calibration, NullRecord, ReliabilityRecord
from strata.probes.files import write_whole

_SIZE, _MARGIN = 260, 36
"""Of a reliability plot, in pixels."""
_SEEN = {"judge": "no", "tune": "yes"}
"""While the rule was made."""
_PLOTS = (
    ("support", "Support of a place", "share of draws with its cell, as published", "places that are true"),
    ("interval", "95 % interval of a place's ends", "nominal coverage", "true ends that it reaches"),
    ("coding p", "p of an answer's code where answers are permuted", "p, as published", "codes with so small a p"),
)
_STYLE = """
.calibration table { border-collapse: collapse; margin: 8px 0 20px; }
.calibration th, .calibration td { padding: 3px 12px 3px 0; text-align: left; vertical-align: top; font-size: 13px; }
.calibration tbody th { white-space: nowrap; font-weight: 500; } .calibration thead th { vertical-align: bottom; }
.calibration thead th:not(:first-child) { text-align: right; } .calibration .scroll { overflow-x: auto; }
.calibration figure { margin: 0; } .calibration h2 { margin-top: 28px; }
.calibration td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.calibration .plots { display: flex; flex-wrap: wrap; gap: 24px; }
.calibration svg { max-width: 100%; } .calibration svg text { font-size: 11px; fill: currentColor; }
"""


@dataclass(frozen=True)
class Table:
    """One table of the page; all but the first column are numbers."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Point:
    """One point of a reliability plot, in pixels, with its interval."""

    x: float
    y: float
    low: float
    high: float
    told: str


@dataclass(frozen=True)
class Plot:
    """One reliability plot."""

    title: str
    across: str
    up: str
    points: tuple[Point, ...]


def write_calibration_page(directory: Path, record: Calibration) -> Path:
    """Writes `directory/report.html`; returns its path. Raises StrataError where that can't be written."""
    file = Path(directory) / "report.html"
    write_whole(file, calibration_page(record).encode("utf-8"))
    return file


def calibration_page(record: Calibration) -> str:
    """The page of a record."""
    body = render(
        "calibration/page.html",
        sentence=calibrated_sentence(record),
        command=" ".join(("strata", *record.command)),
        facts=(
            f"version {record.version}",
            f"seed {record.seed}",
            f"{record.models} models",
            *((f"{len(record.compared)} planted pairs",) if record.compared else ()),
            f"sample: {record.sample}",
        ),
        tables=tuple(_tables(record)),
        plots=tuple(_plots(record.reliability)),
        size=_SIZE,
        margin=_MARGIN,
        failed=dict(record.failed),
        excluded=dict(record.excluded),
    )
    sentence = calibrated_sentence(record)
    return document(plain_link(link_title(sentence, ["Strata"]), (sentence,)), body, "", "", style=_STYLE)


def _tables(record: Calibration) -> Iterator[Table]:
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
        columns = (
            "cell",
            "pairs a family",
            *(f"{one.effect:g} of the answer" for one in record.effects[0].shares),
            "seen from",
        )
        effects = tuple(
            (of.cell, str(of.pairs), *(share_words(one.seen) for one in of.shares), "–" if of.smallest is None else f"{of.smallest:g}")
            for of in record.effects
        )  # fmt: skip
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


def _plots(points: Sequence[ReliabilityRecord]) -> Iterator[Plot]:
    for what, title, across, up in _PLOTS:
        of_plot = [one for one in points if one.what == what and one.observed.interval is not None]
        if of_plot:
            yield Plot(title, across, up, tuple(_point(one) for one in of_plot))


def _point(one: ReliabilityRecord) -> Point:
    low, high = one.observed.interval or (one.observed.value, one.observed.value)
    told = f"{one.published:.2f}: {share_words(one.observed)} of {one.observed.of}"
    return Point(_across(one.published), _up(one.observed.value), _up(low), _up(high), told)


def _across(value: float) -> float:
    return _MARGIN + value * (_SIZE - 2 * _MARGIN)


def _up(value: float) -> float:
    return _SIZE - _MARGIN - value * (_SIZE - 2 * _MARGIN)
