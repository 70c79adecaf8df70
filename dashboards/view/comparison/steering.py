"""What does the page show of steering? Sentences, and two small tables: against its controls, and by stream."""

from __future__ import annotations

from strata.dashboards.sentences.steering import steering_rows, steering_sentences, stream_rows
from strata.dashboards.view.comparison.schema import SteeringView
from strata.experiments.results.steering import Steering


def build_steering(found: Steering | None) -> SteeringView:
    """Empty where it wasn't measured."""
    if found is None:
        return SteeringView(sentences=(), directions=(), streams=())
    return SteeringView(
        sentences=tuple(steering_sentences(found)),
        directions=tuple(steering_rows(found)),
        streams=tuple(stream_rows(found)),
    )
