"""Several lines of one quantity by stream in one panel, from rows of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.view.behave.lines import line_of
from strata.dashboards.view.behave.schema import FurtherLine, LayerPanel
from strata.experiments.results.behaviour_tables import BehaviourLayerRow


def panel_of(
    rows: Sequence[BehaviourLayerRow], quantity: str, title: str, names: Mapping[str, str], guide: tuple[float, str]
) -> LayerPanel | None:
    """`names`: of each condition the name of its line; the first is the measure's own, the second the control. None without the first."""
    conditions = list(names)
    lines = {
        condition: line_of([row for row in rows if (row.quantity, row.condition) == (quantity, condition)])
        for condition in conditions
    }
    own = lines[conditions[0]]
    if own is None:
        return None
    return LayerPanel(
        quantity=quantity, title=title, own=own, own_name=names[conditions[0]], null=lines[conditions[1]], null_name=names[conditions[1]],
        further=tuple(FurtherLine(name=names[one], line=line) for one in conditions[2:] if (line := lines[one]) is not None),
        guide=guide[0], guide_text=guide[1],
    )  # fmt: skip
