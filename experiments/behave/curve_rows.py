"""From a curve over streams to its rows in the table `behaviour_layers`."""

from __future__ import annotations

from collections.abc import Sequence

from strata.experiments.items.schema import Kind
from strata.experiments.results.behaviour_tables import BehaviourLayerRow
from strata.probes.statistics.bootstrap import Estimate


def curve_rows(
    curve: Sequence[Estimate], *, measure: str, kind: Kind, quantity: str, condition: str
) -> list[BehaviourLayerRow]:
    """One row a stream. `curve`: streams 0..L."""
    return [
        BehaviourLayerRow(
            measure=measure, kind=kind, quantity=quantity, condition=condition, stream=stream, depth=stream / (len(curve) - 1),
            mean=one.value, low=one.low, high=one.high, n_items=one.n_items, n_clusters=one.n_clusters, method=one.method,
        )
        for stream, one in enumerate(curve)
    ]  # fmt: skip
