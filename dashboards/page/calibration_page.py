"""From the record of a calibration to its page: tables by cell, variant, null and number of pairs, and a reliability plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.dashboards.page.document import document
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.calibration import calibrated_sentence
from strata.dashboards.sentences.calibration_tables import PLOTS, calibration_tables, point_words, record_facts
from strata.dashboards.sentences.shared_link import link_title
from strata.experiments.results.calibration import Calibration, ReliabilityRecord
from strata.probes.files.atomic_writes import write_whole

_SIZE, _MARGIN = 260, 36
"""Of a reliability plot, in pixels."""
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
        facts=record_facts(record),
        tables=tuple(calibration_tables(record)),
        plots=tuple(_plots(record.reliability)),
        size=_SIZE,
        margin=_MARGIN,
        failed=dict(record.failed),
        excluded=dict(record.excluded),
    )
    sentence = calibrated_sentence(record)
    return document(plain_link(link_title(sentence, ["Strata"]), (sentence,)), body, "", "", style=_STYLE)


def _plots(points: Sequence[ReliabilityRecord]) -> Iterator[Plot]:
    for what, title, across, up in PLOTS:
        of_plot = [one for one in points if one.what == what and one.observed.interval is not None]
        if of_plot:
            yield Plot(title, across, up, tuple(_point(one) for one in of_plot))


def _point(one: ReliabilityRecord) -> Point:
    low, high = one.observed.interval or (one.observed.value, one.observed.value)
    return Point(_across(one.published), _up(one.observed.value), _up(low), _up(high), point_words(one))


def _across(value: float) -> float:
    return _MARGIN + value * (_SIZE - 2 * _MARGIN)


def _up(value: float) -> float:
    return _SIZE - _MARGIN - value * (_SIZE - 2 * _MARGIN)
