"""What `compare` says of cells and places: which changed their effect, which families are answered elsewhere, what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.experiments.items.schema import Kind
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.families import Place
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Finite, Interval, Measured, Record
from strata.experiments.results.roles import Role
from strata.probes.interventions.cells import Cell

NotPaired = Literal[
    "not-measured",  # no interventions on its pairs in one of the two models
    "too-few-shared",  # pairs that both models answer
]
"""Why a family isn't compared pair by pair."""
Moved = Literal["deeper", "shallower", "unchanged", "undetermined"]


class LocationChange(Record):
    """`depth(after) − depth(before)` of what makes a kind's answers, on the pairs that both models answer."""

    verdict: Moved
    families: int = 0
    """Families that are placed in both models."""
    difference: float | None = None
    interval: Interval | None = None
    interval90: Interval | None = None
    """Unchanged is said only where this one lies within ±0.05 of the depth."""
    p: float | None = None
    method: str = ""
    why: WhyNotMoved | None = None
    """Why it is undetermined."""


class ChangedBlock(Record):
    """Effect gained at one block of a cell, before and after."""

    block: int
    before: Finite
    after: Finite


class ChangedCell(Record):
    """A cell whose effect changed by more than a tenth of the answer, whole or at some of its blocks."""

    kind: Kind
    family: str
    span: str | None
    cell: Cell
    whole: bool
    """Whether the whole cell's effect changed; else that of `blocks` alone."""
    blocks: tuple[ChangedBlock, ...] = ()
    before: Finite
    """Effect of the whole cell."""
    after: Finite
    difference: Measured
    p: float
    """The smallest of those of the cell and its blocks: of no change beyond a tenth, corrected for all cells, blocks and families."""
    beyond_control: Measured | None = None
    """Change of the whole cell less the control's; None: there is no control."""


class ChangedPlace(Record):
    """A family whose answer is made elsewhere."""

    kind: Kind
    family: str
    span: str | None
    before: Place
    after: Place
    overlap: float
    """Share of draws of entities in which the two places have a block in common, or one of them is nowhere."""
    shift: Measured
    """Blocks from the middle of the one to the middle of the other."""
    p: float
    """Of an overlap, corrected for the number of families."""


class Answered(Record):
    """Items of a kind that both models were asked, by which of the two answers them."""

    both: int = 0
    only_before: int = 0
    only_after: int = 0
    neither: int = 0


class CellComparison(Record):
    """One model held against the base, cell by cell."""

    families: int = 0
    """Compared on pairs that both models answer."""
    cells: int = 0
    """Cells of these families that were tested."""
    changed: tuple[ChangedCell, ...] = ()
    """Beyond the control's change too, where a control was measured."""
    not_beyond_control: int = 0
    """Cells that changed, but not beyond what they changed in the control."""
    placed: int = 0
    """Families that are placed in both models on these pairs."""
    stayed: int = 0
    """Of these, families whose places overlap in nearly all draws."""
    moved: tuple[ChangedPlace, ...] = ()
    answered: Mapping[Kind, Answered] = Field(default_factory=dict)
    unpaired: Mapping[NotPaired, tuple[str, ...]] = Field(default_factory=dict)
    """Families with items in both models that aren't compared pair by pair."""
    why: WhyNotMoved | None = None
    """Why nothing was compared."""


class ComparedCells(Record):
    """cells.json, one a model: what `comparison.json` says of it in two places."""

    cells: CellComparison
    location_change: Mapping[Kind, LocationChange]


CELLS_FILE = JsonFile("cells.json", "cells", TypeAdapter(dict[Role, ComparedCells]))
"""By model what differs from the base in its cells."""
