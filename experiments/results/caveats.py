"""What must stand beside the numbers of a run: a code and what its sentence needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import JsonValue, PlainSerializer

from strata.experiments.items.framing import Framing
from strata.experiments.items.schema import Kind
from strata.experiments.results.record import Record, SchemaOf, of_text

CaveatCode = Literal[
    "said",  # text: what another library, a checkpoint or an earlier version says
    "framed",  # framing: prompts stood in a chat, so they aren't comparable with raw ones
    "position-nowhere",  # position: no item has it
    "rematched",  # items: given another counterfactual prompt
    "no-interventions-asked",  # the run was told to make none
    "other-backend",  # backend: the library that ran everything, interventions as whole forward passes; heads aren't measured
    "no-random-init",  # backend: runs on a server, which holds no model with fresh weights
    "whole-forward",  # text: why every edited run was a whole forward pass: heads and the edge to the span are not measured
    "memory-ran-out",  # family: its interventions were begun again in smaller batches
    "no-matched-control",  # kind: no family of its matched control is answered
    "no-span",  # families: interventions at the last position only
    "none-answered",  # kind: no item of it in a family above chance
    "decodable-first",  # kind, streams: the probe's onset lies so many streams before the lens's
    "read-out-late",  # kind, instrument, stream, first, last: nothing reads the answer right behind the place it's made at
    "read-out-early",  # the same: it can be read before the place it's made at
    "several-positions",  # positions: so many are probed, each with a p of its own
    "resumed-elsewhere",  # changes: what differs from where the run was begun
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
    first: int | None = None
    """Blocks of the place."""
    last: int | None = None
    positions: int | None = None
    backend: str | None = None
    """As a run's manifest has it."""
    changes: tuple[tuple[str, str | None, str | None], ...] = ()
    """Name, value when the run was begun, value now; None: there was none."""


def _written(caveat: Caveat) -> JsonValue:
    if caveat.code == "said":
        return caveat.text
    return caveat.model_dump(mode="json", exclude_defaults=True)


BriefCaveat = Annotated[Caveat, of_text("said"), PlainSerializer(_written), SchemaOf(Caveat, or_text=True)]
"""As a manifest and a `probe` hold it: the code and what its sentence needs, nothing else; of what a checkpoint or another library
says the text alone."""
