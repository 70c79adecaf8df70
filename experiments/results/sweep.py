"""`sweep.json` of a `strata sweep`: which runs it consists of, where each lies on the axis, and which could not be made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, TypeAdapter

from strata.experiments.items.framing import Framing
from strata.experiments.results.file_versions import SWEEP_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record

WhyFailed = Literal[
    "refused",  # a checkpoint, an item file or an option that can't be used
    "does-not-fit",  # memory or disk, on every node that was tried
    "self-test",  # an identity that must hold on every model doesn't
    "damaged",  # a file of an earlier start isn't what that wrote
    "lost",  # its worker ended, as often as it was begun again
    "defect",  # anything else: a fault of Strata's own, or of a library
]
AxisKind = Literal[
    "dose",  # of the way between two checkpoints
    "step",  # of the training, from the checkpoint's name
    "given",  # the sweep file says where each checkpoint stands
    "order",  # nothing is known: in the order of the file
]


class Failure(Record):
    """Why a run could not be made."""

    code: WhyFailed
    text: str
    """As the error says it."""
    node: str | None = None
    """Of a cluster."""


class SweptRun(Record):
    """One run of a sweep."""

    directory: str
    """Below the sweep's own."""
    checkpoint: str
    """As the person wrote it."""
    at: float | None
    """Where it stands on the axis; None: nothing is known of it, where others are placed."""
    seed: int
    framing: Framing
    items: str | None
    """Item file; None: the built-in families."""
    run_id: str | None
    """None: it could not be made."""
    failure: Failure | None = None

    @property
    def done(self) -> bool:
        return self.failure is None


class SweepAxis(Record):
    """What changes from checkpoint to checkpoint."""

    kind: AxisKind
    name: str
    """What `at` counts, in the person's word where the kind is `given`."""


class SweepResult(Record):
    """`sweep.json`."""

    version: Literal["strata.sweep/1"] = Field(default=SWEEP_SCHEMA, alias="schema")
    run: str
    """Id of the sweep, which its table carries too."""
    axis: SweepAxis
    runs: tuple[SweptRun, ...]

    @property
    def failed(self) -> tuple[SweptRun, ...]:
        return tuple(run for run in self.runs if not run.done)


SWEEP_FILE = JsonFile("sweep.json", "sweep", TypeAdapter(SweepResult))
