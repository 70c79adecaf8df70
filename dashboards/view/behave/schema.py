"""What is a `strata.behave-view/1`? Everything the page of a `behave` shows, every statistic already computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.dashboards.view.schema_parts import Axes, MeasuredModel, Numbers, Provenance, RunHead
from strata.experiments.results.confidence_summary import CalibrationBin
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record

BEHAVE_VIEW_SCHEMA: Literal["strata.behave-view/1"] = "strata.behave-view/1"


class BehaviourLine(Record):
    """A quantity by stream, with its interval where there is one."""

    mean: Numbers
    low: Numbers
    high: Numbers
    n_items: int | None
    n_clusters: int | None
    method: str | None


class FurtherLine(Record):
    """One more line of a panel."""

    name: str
    line: BehaviourLine


class LayerPanel(Record):
    """One quantity beside its control."""

    quantity: str
    title: str
    own: BehaviourLine
    own_name: str
    null: BehaviourLine | None
    """The control."""
    null_name: str
    further: tuple[FurtherLine, ...] = ()
    """Other conditions, in the same panel."""
    guide: float
    """Where a horizontal line stands."""
    guide_text: str


class ConfidenceView(Record):
    """The items of one kind."""

    kind: str
    number: str
    """The sentence that comes first."""
    sentences: tuple[str, ...]
    """The others."""
    bins: tuple[CalibrationBin, ...]
    panels: tuple[LayerPanel, ...]
    """Empty: nothing is said of streams."""
    why_no_panels: str


class CarriedRow(Record):
    """One cell that is intervened on, in words."""

    kind: str
    cell: str
    effect: str
    beyond_third: str
    lost: str
    windows: str
    counts: str


class PressureView(Record):
    """The items of one kind."""

    kind: str
    number: str
    """The sentence that comes first."""
    sentences: tuple[str, ...]
    """The others."""
    panels: tuple[LayerPanel, ...]
    """Empty: nothing is said of streams."""
    why_no_panels: str


class DepthLine(Record):
    """Success by number of links."""

    name: str
    mean: Numbers
    low: Numbers
    high: Numbers


class HopLine(Record):
    """One link's end by stream, beside the other chain's at 0."""

    name: str
    line: BehaviourLine


class ChainView(Record):
    """Chains of so many links."""

    kind: str
    """What they are called."""
    panels: tuple[HopLine, ...]
    """Empty: nothing is said of streams."""
    why_no_panels: str


class ChainDepthView(Record):
    """All of them."""

    number: str
    """The sentence that comes first."""
    sentences: tuple[str, ...]
    depths: tuple[int, ...]
    items: tuple[int, ...]
    walked: DepthLine
    filler: DepthLine
    other_end: DepthLine
    fitted: Numbers
    """c (1 − p)^d; empty without a fit."""


class MeasureView(Record):
    """One measure of one kind of items, or of another part that is told by itself."""

    kind: str
    """What the part is called."""
    number: str
    """The sentence that comes first."""
    sentences: tuple[str, ...]
    """The others."""
    panels: tuple[LayerPanel, ...]
    """Empty: nothing is drawn by stream."""
    why_no_panels: str


class BehaveView(Record):
    """`view.json` of a `strata behave`."""

    schema_name: Literal["strata.behave-view/1"] = Field(default=BEHAVE_VIEW_SCHEMA, alias="schema")
    run: RunHead
    models: tuple[MeasuredModel, ...]
    axes: Axes
    confidence: tuple[ConfidenceView, ...]
    pressure: tuple[PressureView, ...]
    carried: tuple[CarriedRow, ...]
    """Empty: nothing was intervened on."""
    carried_said: tuple[str, ...]
    """A sentence a kind."""
    chain_depth: ChainDepthView | None
    """None: it wasn't measured."""
    chain: tuple[ChainView, ...]
    """By number of links."""
    fast_slow: tuple[MeasureView, ...]
    information_gain: tuple[MeasureView, ...]
    chain_confidence: tuple[MeasureView, ...]
    """Before and behind the steps, by their source and kind."""
    knowledge_index: tuple[MeasureView, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    sizes: Mapping[str, int]
    """Bytes of the page."""


BEHAVE_VIEW_FILE = JsonFile("view.json", "view_of_behave", TypeAdapter(BehaveView))
