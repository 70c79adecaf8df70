"""Where answers are made, as the page shows it: the verdict card, a strip a kind, and the tables of places, cells and heads."""

from __future__ import annotations

from typing import Literal

from strata.dashboards.sentences.families import FamilyRow
from strata.dashboards.view.schema_heads import HeadMap
from strata.dashboards.view.schema_parts import Axis, Coded, Number
from strata.experiments.results.kinds import Verdict
from strata.experiments.results.record import Record
from strata.probes.interventions.cells import Cell

LocalisedState = Literal["ok", "not_run", "withdrawn"]
"""`withdrawn`: places by the first rule; `not_run`: no intervention was made."""


class SentenceView(Record):
    """A sentence whose first part states, and whose second says how sure that is."""

    about: str
    head: str
    rest: str


class ItemToLookAt(Record):
    """An item, what it gains, and the part of the address that shows it."""

    item: str
    says: str
    link: str


class LookNext(Record):
    """Items to look at first."""

    where: str
    """Whose items, and in which blocks of which part of the model."""
    items: tuple[ItemToLookAt, ...]


class OnsetView(Record):
    """Where a read-out finds the answers of a kind, and the same as depths for the strip."""

    instrument: str
    label: str
    state: Literal["ok", "not_run"]
    axis: Axis
    definition: str
    layer: int | None
    depth: Number
    low: Number
    high: Number
    low_depth: Number
    high_depth: Number
    n: int | None
    text: str


class PlaceView(Record):
    """A place in blocks, and as depths."""

    cell: Cell
    first: int
    last: int
    interval: tuple[int, int]
    depth: Number
    ends: tuple[Number, Number]
    wide: tuple[Number, Number]


class KindView(Record):
    """A row of the verdict's table."""

    kind: str
    items: int
    used: int
    accuracy: Number
    families: int
    families_answered: int
    sought: bool
    """Whether its place was looked for."""
    located: str
    place: PlaceView | None
    tested: str
    why: str
    onsets: tuple[OnsetView, ...]


class VerdictView(Record):
    """The verdict card."""

    state: LocalisedState
    word: Verdict
    headline: str
    """What is said of the kinds, and of their order where there is one, without how sure that is."""
    evidence: tuple[str, ...]
    """A line a kind: how sure that is, what its controls say, and by how much."""
    sentences: tuple[SentenceView, ...]
    intermediates: str
    general: bool
    """Said of more than these families; true where no order is said."""
    ordered: bool
    """Whether both kinds of the order were asked."""
    quick: bool
    kinds: tuple[KindView, ...]
    caveats: tuple[Coded, ...]
    short_caveats: tuple[Coded, ...]
    """Each code once, in a few words."""
    would_change: str


class KindCellView(Record):
    """A row a kind and cell, in words."""

    kind: str
    cell: Cell
    label: str
    effect: str
    control: str
    gained: str
    excess: str
    counts: str


class FamilyCellView(Record):
    """A row a family and cell, in words."""

    family: str
    cell: Cell
    label: str
    effect: str
    denoise: str
    noise: str
    install: str
    necessity: str
    reading: str
    counts: str
    attribution: str


class HeadView(Record):
    """A row an attention head, in words."""

    family: str
    label: str
    head: str
    effect: str
    p: str
    install: str
    codes: str
    attention: str


class HeadSetView(Record):
    """A row a set of heads, in words."""

    family: str
    label: str
    heads: str
    effect: str
    effect_of_choice: str
    knockout: str


class Choice(Record):
    """What a list of the page offers."""

    id: str
    text: str
    aria: str
    family: str | None = None
    """Whose map it is; None: that of kinds."""


class LocalisationView(Record):
    """The stage map and its tables."""

    state: LocalisedState
    text: str
    rows: tuple[FamilyRow, ...] = ()
    cells: tuple[KindCellView, ...] = ()
    family_cells: tuple[FamilyCellView, ...] = ()
    heads: tuple[HeadView, ...] = ()
    head_sets: tuple[HeadSetView, ...] = ()
    head_maps: tuple[HeadMap, ...] = ()
    choices: tuple[Choice, ...] = ()
