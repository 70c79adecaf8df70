"""What does the page show of single attention heads? A map a family, numbers head by head."""

from __future__ import annotations

from strata.dashboards.view.schema_parts import Numbers
from strata.experiments.results.record import Record
from strata.probes.interventions.cells import Cell


class HeadMapRow(Record):
    """The heads of one block in one part of the model; lists have an entry a head, None where it wasn't edited."""

    cell: Cell
    block: int
    effect: Numbers
    low: Numbers
    high: Numbers
    p: Numbers
    attention: Numbers
    """Of the last token to the replaced span."""
    chosen: tuple[int, ...]
    """Heads of the greedy set."""


class HeadMap(Record):
    """Of one family."""

    family: str
    kind: str
    span: str | None
    pairs: int
    heads: int
    """Query heads of a block."""
    limit: float
    """Of the colours, the same for all families of the run."""
    rows: tuple[HeadMapRow, ...]
    """From input to answer."""
