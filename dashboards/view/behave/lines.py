"""What is a quantity by stream, as the page holds it?"""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.view.behave.schema import BehaviourLine
from strata.experiments.results.behaviour_tables import BehaviourLayerRow


def line_of(rows: Sequence[BehaviourLayerRow]) -> BehaviourLine | None:
    """None for no rows."""
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: row.stream)
    return BehaviourLine(
        mean=tuple(significant(row.mean) for row in ordered),
        low=tuple(significant(row.low) for row in ordered),
        high=tuple(significant(row.high) for row in ordered),
        n_items=ordered[0].n_items,
        n_clusters=ordered[0].n_clusters,
        method=ordered[0].method,
    )
