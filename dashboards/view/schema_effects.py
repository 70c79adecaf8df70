"""How far the answer of single items is made at single blocks, as a page shows it: a part of the model, an item and a block each."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from strata.dashboards.view.schema_parts import State
from strata.experiments.results.record import Record
from strata.probes.interventions.cells import Cell


class CellEffects(Record):
    """One part of the model."""

    cell: Cell
    label: str
    counts_from: int
    """First block that counts: block 0 at a replaced token is token identity."""
    gained: tuple[tuple[int, ...] | None, ...]
    """By item of the table and block, in steps; None: the item was in no pair, or had no room."""


class ItemEffects(Record):
    """What every item gains at every block."""

    state: State
    text: str
    """Which items have numbers, or why none has."""
    step: float
    """What one of the whole numbers is worth: a share of the answer."""
    cells: tuple[CellEffects, ...]
    spans: Mapping[str, str] = Field(default_factory=dict)
    """By family: the named position at which its tokens are replaced. Of a single model's page, whose lens maps it is for."""
