"""What is a `strata.probe-view/1`? Everything the page of a probe run shows, every statistic already computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.dashboards.view.schema_parts import Axes, MeasuredModel, Numbers, Provenance, RunHead
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record

PROBE_VIEW_SCHEMA: Literal["strata.probe-view/1"] = "strata.probe-view/1"


class StreamLine(Record):
    """A measure by stream."""

    layer: tuple[int, ...]
    """Streams, 0 to L."""
    mean: Numbers
    low: Numbers
    high: Numbers
    n_items: int | None
    n_clusters: int | None
    method: str | None
    """Of the interval."""


class HardItem(Record):
    """An item whose own label was unlikely while it was held out."""

    item: str
    prompt: str
    label: str
    predicted: str
    correct: bool
    log_likelihood: float | None


class ProbedPosition(Record):
    """What was probed at one position."""

    name: str
    sentences: tuple[str, ...]
    best: int
    """Stream of the highest accuracy."""
    rises: int | None
    """First stream above every control; None: none, or not sought."""
    chance: float | None
    """What the best stream of 95 % of the shuffles stays below."""
    lines: Mapping[str, StreamLine]
    """By measure."""
    hardest: tuple[HardItem, ...]
    """Hardest first, at the best stream."""
    labels: tuple[str, ...]
    """Most frequent first; many rare ones share the last."""
    confusion: tuple[tuple[tuple[int, ...], ...], ...]
    """By stream: items by true label × predicted label."""


class ProbeView(Record):
    """`view.json` of a `strata probe`."""

    schema_name: Literal["strata.probe-view/1"] = Field(default=PROBE_VIEW_SCHEMA, alias="schema")
    run: RunHead
    models: tuple[MeasuredModel, ...]
    axes: Axes
    target: str
    """Field of the items that is probed."""
    positions: tuple[ProbedPosition, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    sizes: Mapping[str, int]
    """Bytes of the page."""


PROBE_VIEW_FILE = JsonFile("view.json", "view_of_probe", TypeAdapter(ProbeView))
