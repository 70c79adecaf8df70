"""What is a `strata.sweep-view/1`? Everything the page of a `sweep` shows, every statistic already computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.dashboards.view.schema_parts import Numbers, Provenance, RunHead
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record
from strata.experiments.results.sweep import AxisKind

SWEEP_VIEW_SCHEMA: Literal["strata.sweep-view/1"] = "strata.sweep-view/1"
TrajectoryView = Literal["accuracy", "depths", "cells"]


class AxisView(Record):
    """What changes from checkpoint to checkpoint."""

    kind: AxisKind
    name: str
    label: str
    logarithmic: bool
    """Whether its values lie so far apart."""
    ticks: tuple[tuple[float, str], ...]
    """Where it counts nothing, the checkpoints; else empty."""


class TrajectoryLine(Record):
    """One quantity along the axis, its points in order."""

    name: str
    at: tuple[float, ...]
    checkpoints: tuple[str, ...]
    mean: Numbers
    low: Numbers
    high: Numbers
    items: tuple[int | None, ...]
    clusters: tuple[int | None, ...]
    says: tuple[str, ...]
    """What stands at each point besides its value; empty where that is nothing."""
    method: str


class TrajectoryPanel(Record):
    """Lines of one kind or family."""

    view: TrajectoryView
    subject: str
    """Key of what is chosen: KIND or KIND/FAMILY."""
    label: str
    """What that is called."""
    y: str
    """What the vertical axis counts."""
    shares: bool
    """Whether the values lie between 0 and 1."""
    lines: tuple[TrajectoryLine, ...]


class SweptRunView(Record):
    """One run."""

    checkpoint: str
    at: str
    seed: int
    framing: str
    item_file: str
    """Empty: the built-in families."""
    state: str
    done: bool
    href: str
    """Of its own page, from this one; empty where there is none."""


class SweepView(Record):
    """`view.json` of a `strata sweep`."""

    schema_name: Literal["strata.sweep-view/1"] = Field(default=SWEEP_VIEW_SCHEMA, alias="schema")
    run: RunHead
    axis: AxisView
    sentences: tuple[str, ...]
    panels: tuple[TrajectoryPanel, ...]
    runs: tuple[SweptRunView, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    sizes: Mapping[str, int]
    """Bytes of the page."""


SWEEP_VIEW_FILE = JsonFile("view.json", "view_of_sweep", TypeAdapter(SweepView))
