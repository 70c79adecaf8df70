"""What must stand beside the numbers of a run: a code and what its sentence needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, PlainSerializer

from strata.experiments.items.framing import Framing
from strata.experiments.items.schema import Kind
from strata.experiments.results.format_check import FormContrast
from strata.experiments.results.record import Record, SchemaOf, of_text
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.rerun.no_restart import WhyWhole

CaveatCode = Literal[
    "said",  # text: what an earlier version says
    "opened",  # opened; of an evaluation of adapters the adapter too: what was odd about opening the checkpoint
    "framed",  # framing: prompts stood in a chat, so they aren't comparable with raw ones
    "position-nowhere",  # position: no item has it
    "rematched",  # items: given another counterfactual prompt
    "no-interventions-asked",  # the run was told to make none
    "other-backend",  # backend: the library that ran everything, interventions as whole forward passes; heads aren't measured
    "no-random-init",  # backend: runs on a server, which holds no model with fresh weights
    "whole-forward",  # why (of earlier versions: text): why every edited run was a whole forward pass: heads and the edge to the span are not measured
    "memory-ran-out",  # family: its interventions were begun again in smaller batches
    "no-matched-control",  # kind: no family of its matched control is answered
    "no-span",  # families: interventions at the last position only
    "none-answered",  # kind: no item of it in a family above chance
    "decodable-first",  # kind, streams: the probe's onset lies so many streams before the lens's
    "read-out-late",  # kind, instrument, stream, first, last: nothing reads the answer right behind the place it's made at
    "read-out-early",  # the same: it can be read before the place it's made at
    "several-positions",  # positions: so many are probed, each with a p of its own
    "resumed-elsewhere",  # changes: what differs from where the run was begun
    "quick",  # sizes were cut for a quick look
    "limited",  # items: `--limit` cut them to so many
    "self-tests-failed",  # tests: their names
    "unanswered",  # kind, families, of: families of it that aren't answered above chance, of so many
    "decodable-at-input",  # kind: the probe's onset is stream 0, so it reads the input, not a computation
    "readable-before-decodable",  # kind, stream (the probe's), lens_stream: the lens finds the answer earlier than the probe
    "controls-keep-up",  # kind, stream, controls, interval: controls reach the interval of the probe's accuracy at its onset
    "no-form-check",  # the format-only classifier did not run
    "form-tells-apart",  # contrast: two kinds can be told apart by form alone
]
ReadOut = Literal["probe", "lens"]


class Caveat(Record):
    """One of them."""

    code: CaveatCode
    text: str | None = None
    kind: Kind | None = None
    framing: Framing | None = None
    position: str | None = None
    items: int | None = None
    family: str | None = None
    families: tuple[str, ...] = ()
    instrument: ReadOut | None = None
    stream: int | None = None
    """First stream at which the read-out finds the answer."""
    streams: int | None = None
    lens_stream: int | None = None
    controls: Mapping[str, float] = Field(default_factory=dict)
    """Measure of the probe's curve: mean, of those that keep up."""
    interval: tuple[float, float | None] | None = None
    """Of the probe's accuracy at its onset, over clusters."""
    tests: tuple[str, ...] = ()
    of: int | None = None
    contrast: FormContrast | None = None
    first: int | None = None
    """Blocks of the place."""
    last: int | None = None
    positions: int | None = None
    opened: CheckpointCaveat | None = None
    adapter: str | None = None
    """Name of the adapter under which the checkpoint was opened."""
    why: WhyWhole | None = None
    backend: str | None = None
    """As a run's manifest has it."""
    changes: tuple[tuple[str, str | None, str | None], ...] = ()
    """Name, value when the run was begun, value now; None: there was none."""


def _written(caveat: Caveat) -> JsonValue:
    return caveat.text if caveat.code == "said" else caveat.without_defaults()


BriefCaveat = Annotated[Caveat, of_text("said"), PlainSerializer(_written), SchemaOf(Caveat, or_text=True)]
"""As a manifest and a `probe` hold it: the code and what its sentence needs, nothing else; of what a checkpoint or another library
says the text alone."""
