"""How alike are the models' layer profiles? A row a reading, beside the ceiling that a profile sets for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from strata.dashboards.sentences.instruments import instrument_label
from strata.dashboards.sentences.profile_similarity import reading_words
from strata.dashboards.view.comparison.files import ComparisonRun
from strata.dashboards.view.comparison.gathered_lines import rounded, whole, why_absent
from strata.dashboards.view.comparison.schema_lines import ProfileCell, ProfileView
from strata.dashboards.view.labels import kind_order, measure_named
from strata.experiments.results.roles import Contrast
from strata.experiments.results.rows import Row, text

TELLING = ("logit_difference", "denoise", "mean")
"""Measures shown on the page, one an instrument; the others stay in the table."""


@dataclass
class _Reading:
    """What the rows of one kind and reading say, contrast by contrast."""

    axis: str
    contrasts: dict[Contrast, ProfileCell] = field(default_factory=dict)


def build_likeness(run: ComparisonRun) -> tuple[ProfileView, ...]:
    """One entry a kind and reading; `contrasts` holds the agreement and its ceiling by contrast."""
    readings: dict[tuple[str, str, str], _Reading] = {}
    for row in run.rows("likeness"):
        if row["measure"] not in TELLING:
            continue
        reading = readings.setdefault((text(row, "kind"), *_named(row)), _Reading(text(row, "axis")))
        reading.contrasts[cast(Contrast, text(row, "contrast"))] = ProfileCell(
            between=rounded(row, "between"), ceiling=rounded(row, "ceiling"), n_clusters=whole(row, "n_clusters"),
            reason=why_absent(row),
        )  # fmt: skip
    rows = [
        ProfileView(kind=kind, instrument=instrument, reading=name, axis=reading.axis, contrasts=reading.contrasts)
        for (kind, instrument, name), reading in readings.items()
    ]
    return tuple(sorted(rows, key=lambda profile: (kind_order(profile.kind), profile.instrument)))


def _named(row: Row) -> tuple[str, str]:
    """Instrument, and measure with part and position."""
    instrument, measure, component = text(row, "instrument"), text(row, "measure"), str(row["component"] or "")
    part = "" if instrument.startswith("lens.") else component
    return instrument_label(instrument), reading_words(
        measure_named(instrument, measure).label, part, str(row["position"] or "")
    )
