"""What the interventions did, block by block, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from strata.dashboards.view.choice_names import choice
from strata.dashboards.view.schema_parts import Line, Number, Numbers
from strata.experiments.results.record import Record


class CausalLine(Record):
    """One curve over blocks."""

    instrument: str
    measure: str
    component: str
    kind: str
    family: str | None
    position: str
    mean: Numbers
    low: Numbers
    high: Numbers
    n_items: int
    n_clusters: int
    method: str
    aria: str


class CausalMeasure(Record):
    """What a measure of an intervention is called, and how it is drawn."""

    label: str
    unit: str
    short: str = ""
    range: None = None
    line: None = None
    lines: tuple[Line, ...]
    one: str
    """What 1 stands for."""


class Peak(Record):
    """Where a line is highest."""

    position: str
    layer: int
    value: float
    low: Number
    high: Number


Peaks = Mapping[str, Mapping[str, Peak]]
"""By measure and component."""


class CausalGroup(Record):
    """Pairs that the intervention map can show together."""

    id: str
    kind: str
    family: str | None
    n_items: int
    n_clusters: int
    positions: tuple[str, ...]
    identity: tuple[str, ...]
    """Positions whose tokens are replaced: block 0 there is token identity."""
    peaks: Peaks


class Segment(Record):
    """A stretch of a pair's two prompts."""

    name: str | None
    """The span's; None between spans."""
    clean: str
    foil: str


class CausalItem(Record):
    """One pair's own map."""

    item: str
    family: str
    kind: str
    positions: tuple[str, ...]
    values: Mapping[str, Mapping[str, Mapping[str, Numbers]]]
    """By measure, component and position."""
    identity: tuple[str, ...]
    segments: tuple[Segment, ...]
    peaks: Peaks
    answer: str
    foil: str
    logit_difference: Number


class PairsOfKind(Record):
    """Pairs that were intervened on, and why the others were not."""

    kind: str
    usable: int
    excluded: tuple[tuple[str, int], ...]


class CausalView(Record):
    """Everything that interventions measured, block by block."""

    state: Literal["ok", "not_run"]
    text: str
    components: Mapping[str, str]
    measures: Mapping[str, tuple[str, ...]]
    """By instrument."""
    meta: Mapping[str, CausalMeasure]
    """By `choice` of instrument and measure."""
    groups: tuple[CausalGroup, ...]
    limits: tuple[float, float]
    items_rule: str
    pairs: tuple[PairsOfKind, ...]
    lines: tuple[CausalLine, ...]
    items: tuple[CausalItem, ...]

    def meta_of(self, instrument: str, measure: str) -> CausalMeasure:
        """Raises KeyError for what has no line."""
        return self.meta[choice(instrument, measure)]

    @cached_property
    def line_at(self) -> Mapping[tuple[str, str, str, str | None, str, str], CausalLine]:
        """The lines by instrument, measure, kind, family, position and component."""
        lines: dict[tuple[str, str, str, str | None, str, str], CausalLine] = {}
        for line in self.lines:
            key = (line.instrument, line.measure, line.kind, line.family, line.position, line.component)
            lines.setdefault(key, line)
        return lines
