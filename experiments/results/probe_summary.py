"""`summary.json` of a `probe`: the best stream of every position, what it is held against, and where accuracy rises above it."""

from __future__ import annotations

from pydantic import Field, TypeAdapter

from strata.experiments.results.caveats import BriefCaveat
from strata.experiments.results.file_versions import PROBE_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Measured, Record


class LabelCount(Record):
    label: str | int | float | bool | None
    items: int


class BestStream(Measured):
    """The stream of the highest accuracy, and how likely as high a one is on shuffled labels."""

    stream: int
    depth: float
    p: float | None
    shuffles: int


class AtStream(Measured):
    stream: int


class Shuffled(Record):
    """What the best stream reaches on labels that mean nothing, and on the true ones on the same folds."""

    true_labels_best: float
    mean: float
    best_mean: float
    best_95: float
    """95 % of the shuffles stay below."""


class HeldOutTemplates(Record):
    """At the best stream, on templates that the probe never saw."""

    accuracy: Measured
    control: Measured
    """On the control task."""
    selectivity: Measured
    """Accuracy less control."""


class Rise(Record):
    """The first stream from which on accuracy stands above every control."""

    stream: int | None
    depth: float | None
    interval: tuple[int | None, int | None] | None
    """None: too few clusters."""
    above: tuple[str, ...]
    """The controls."""
    definition: str
    sought: bool
    """False: too few clusters or streams to seek one."""


class PositionSummary(Record):
    items: int
    clusters: int
    classes: tuple[LabelCount, ...]
    best: BestStream
    majority: float
    embedding: Measured | None
    random_init: AtStream | None
    shuffled: Shuffled | None
    template: HeldOutTemplates | None
    rises: Rise
    excluded: dict[str, int]
    """Items that were not probed, by reason."""
    notes: tuple[str, ...]
    probe: str
    """File of the probe fitted on all items."""


class ProbedCheckpoint(Record):
    spec: str
    sha256: str
    n_layers: int


class ProbeSummary(Record):
    version: str = Field(PROBE_SCHEMA, alias="schema")
    run: str
    target: str
    """Field of the items that is probed."""
    checkpoint: ProbedCheckpoint
    seed: int
    items: int
    labels: dict[str, int]
    """Label: items, the commonest first."""
    clustered: bool
    limited: bool
    excluded: dict[str, int]
    positions: dict[str, PositionSummary]
    warnings: tuple[BriefCaveat, ...]


PROBE_FILE = JsonFile("summary.json", "probe", TypeAdapter(ProbeSummary))
