"""Behaviour before and after, as the page shows it: a row a measure."""

from __future__ import annotations

from strata.dashboards.view.comparison.schema_part import ViewPart
from strata.dashboards.view.comparison.schema_statements import EstimatesView
from strata.experiments.results.compared_behaviour import BehaviourMeasure


class BehaviourMeasureView(ViewPart):
    name: BehaviourMeasure
    label: str
    unit: str
    estimates: EstimatesView


class BehaviourKindView(ViewPart):
    """Of one kind."""

    kind: str
    measures: tuple[BehaviourMeasureView, ...]


class BehaviourView(ViewPart):
    kinds: tuple[BehaviourKindView, ...]
    why: str
    """Why there are none; else empty."""
