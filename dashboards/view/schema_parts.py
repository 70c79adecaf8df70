"""What have the parts of a view in common? JSON names, fields that are all declared, and numbers that may be absent."""

from __future__ import annotations

from typing import Literal

from strata.experiments.results.record import Record

Number = float | None
"""None: not measured, or no interval."""
Numbers = tuple[float | None, ...]
"""One a layer, or a stream."""
Axis = Literal["stream", "block"]
State = Literal["ok", "not_run", "empty"]


class Coded(Record):
    """A text, and a code by which a page can style it."""

    code: str
    text: str


class RunHead(Record):
    """Which run it is."""

    run_id: str
    title: str
    started: str
    badges: tuple[Coded, ...]


class MeasuredModel(Record):
    """Which model."""

    label: str
    n_layers: int
    d_model: int | None
    dtype: str | None


class Stated(Record):
    """Whether a part of the page has something to show, and what is said where it hasn't."""

    state: State
    text: str


class Line(Record):
    """A horizontal guide of a plot."""

    value: float
    text: str


class LayerAxis(Record):
    """One way of counting layers, with the depth of every index."""

    label: str
    count: int
    depth: tuple[float, ...]


class Axes(Record):
    """Both layer axes."""

    n_layers: int
    stream: LayerAxis
    block: LayerAxis

    def of(self, axis: Axis) -> LayerAxis:
        return self.stream if axis == "stream" else self.block


class InstrumentLabel(Record):
    """What an instrument is called, and what it says."""

    label: str
    says: str
    measures: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Instruments whose curves stand beside it."""
    not_run: str
    """Said where it has no curve."""


class MeasureLabel(Record):
    """What a measure is called, in which unit it stands, and beside which lines it is drawn."""

    label: str
    unit: str
    range: tuple[float, float] | Literal["rank"] | None = None
    """`rank`: drawn on a logarithmic axis from the top."""
    references: tuple[str, ...] = ()
    line: Line | None = None


class Shown(Record):
    """Which curves are shown first; a lens has neither target nor scheme."""

    target: str | None
    scheme: str | None
    position: str | None


class SelfTestView(Record):
    """One identity that must hold."""

    name: str
    passed: bool
    value: str
    tolerance: str


class ManifestView(Record):
    """What the manifest of any verb says."""

    command: str
    versions: tuple[tuple[str, str], ...]
    config: tuple[tuple[str, str], ...]
    self_tests: tuple[SelfTestView, ...]
    stages: tuple[tuple[str, str, str], ...]
    """Name, seconds, peak memory."""
    excluded: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]


class Provenance(ManifestView):
    """Where the numbers come from."""

    facts: tuple[tuple[str, str], ...]
