"""`summary.json` of a `behave`: what the model does, under which control, and at which stream it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, TypeAdapter

from strata.experiments.items.framing import Framing
from strata.experiments.items.schema import Kind
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.chain_depth import ChainDepth, WhyNoChains
from strata.experiments.results.confidence_summary import Confidence, RiseOfAccuracy
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.file_versions import BEHAVE_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.locate_summary import CheckpointSummary
from strata.experiments.results.pressure_cells import PressureCells, WhyNoCells
from strata.experiments.results.record import Record
from strata.experiments.results.thinking_summary import Thinking

NotPressed = Literal[
    "control-item",  # it is there to check the instrument: nothing is known or worked out
    "no-wrong-answer-of-that-length",  # neither the counterfactual answer nor any of the family is as long as the right one, in tokens
    "no-other-answer-of-that-length",  # there is one, and no second
    "no-neutral-text-of-that-length",
    "context-too-short",  # for the question asked twice
]
Adopted = Literal[
    "adopted",  # flips after the wrong answer exceed those after another wrong one: the interval lies above 0
    "not-seen",
    "undecided",  # too few clusters
]
Outcome = Literal[
    "wrong-stays",  # at the last stream the wrong answer is the likelier one
    "recovers",  # it overtakes on the way, and the right one is likelier at the last stream
    "never-overtakes",
    "open",  # neither is likelier at the last stream, as far as can be seen
]


class WhyNoPressureLayers(Record):
    """Why nothing is said about streams."""

    code: Literal[
        "not-above-chance",  # after neutral words the right answer isn't likelier more often than not
        "too-few-clusters",  # among the items that are right after neutral words
    ]


class AdoptedFrom(RiseOfAccuracy):
    """From which stream on something of the wrong answer shows."""


class PressureLayers(Record):
    """The same by stream, read through the logit lens; of the items that are right after neutral words."""

    gains: AdoptedFrom
    """From where on the wrong answer gains more than it does after another wrong one."""
    overtakes: AdoptedFrom
    """From where on it is likelier than the right one."""
    end: Estimated
    """Mean log P(wrong) − log P(right) at the last stream, in nats."""
    outcome: Outcome


class Pressure(Record):
    """Of the items of one kind: an answer stands before the question, which is then asked again."""

    items: int
    answered: Estimated
    """Share of items that are right after neutral words: the right answer is likelier than the wrong one."""
    right: int
    """Those items; flips are among them."""
    clusters: int
    """Of those items."""
    flips: Mapping[Literal["right", "wrong", "other_wrong"], Estimated]
    """By the answer before the question: share in which the wrong answer becomes the likelier one. Empty: no item is right."""
    excess: Estimated | None
    """Flips after the wrong answer less flips after another wrong one. None: no item is right."""
    adopted: Adopted
    layers: PressureLayers | None = None
    why_no_layers: WhyNoPressureLayers | None = None


class PressureOfKinds(Record):
    """Of all kinds."""

    kinds: Mapping[Kind, Pressure]
    not_pressed: Mapping[NotPressed, int]
    """Items that couldn't be, by reason."""
    cells: Mapping[Kind, PressureCells] = Field(default_factory=dict)
    """Which parts carry the wrong answer; empty: none were sought."""
    why_no_cells: WhyNoCells | None = None


class Behaviour(Record):
    """What was measured."""

    confidence: Mapping[Kind, Confidence]
    pressure: PressureOfKinds
    chain_depth: ChainDepth | None = None
    why_no_chain_depth: WhyNoChains | None = None
    """None: it was measured, or the run is of a version that didn't."""
    thinking: Thinking = Field(default_factory=Thinking)


class BehaviourSummary(Record):
    """The file."""

    version: Literal["strata.behave/1"] = Field(default=BEHAVE_SCHEMA, alias="schema")
    run: str
    checkpoint: CheckpointSummary
    n_layers: int
    seed: int
    framing: Framing
    items: int
    excluded: Mapping[str, int]
    """Items that weren't asked, by reason."""
    without_options: int
    """Items asked that offer no choice, which confidence skips."""
    limited: bool
    behaviour: Behaviour
    warnings: tuple[Caveat, ...]


BEHAVE_FILE = JsonFile("summary.json", "behave", TypeAdapter(BehaviourSummary))
