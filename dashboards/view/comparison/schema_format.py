"""Format apart from content, as the page shows it: a row a measure, a column a way of asking."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.dashboards.view.comparison.schema_statements import EstimatesView, EstimateView
from strata.experiments.results.ways_of_asking import Way


class FormatMeasureView(ViewPart):
    name: str
    label: str
    unit: str
    share: bool
    """A share of items, told in percent."""
    ways: Mapping[Way, EstimateView | None]
    """Change from base to distilled, both asked in this way."""
    best: EstimatesView
    """Each in its best way."""
    chosen: str
    """Which those are."""
    format: EstimateView | None
    """Share of the fall as asked that is gone there."""
    why: str
    """Why there is none; else empty."""


class OpeningView(ViewPart):
    way: Way
    label: str
    estimates: EstimatesView


class FormatView(ViewPart):
    """Of one kind."""

    kind: str
    claimed: bool
    measures: tuple[FormatMeasureView, ...]
    opening: tuple[OpeningView, ...]
    """Probability that the next token opens a tag."""
