"""What a comparison says of its models' behaviour: every measure of a `behave` before and after, paired by item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from pydantic import Field

from strata.experiments.items.schema import Kind
from strata.experiments.results.estimates import Contrasted
from strata.experiments.results.record import Record

BEHAVIOUR = "behaviour"
"""Folder of a comparison with a `behave` run of every model, by role."""
BehaviourMeasure = Literal[
    "fast",  # share right with the think block closed by force
    "slow",  # with it opened
    "thinking_gain",  # slow − fast
    "information_gain",  # G of the steps written for the problem, in nats
    "information_gain_beyond",  # less that of another problem's steps
    "knowledge_index",  # share of a chain's steps that are true of the problem; chains that both models closed
    "overconfidence",  # confidence − 1[right]
    "overconfidence_behind_steps",  # the same of the options of a problem, behind the steps written for it
    "pressure_gain",  # what a wrong answer before the question gains, less what it gains after another wrong one, in nats
    "chain",  # share of chains whose right end is named over all links, less that over the last, behind filler
    "pressure_flips",  # flips after the wrong answer less flips after another one; items right in both after neutral words
]
BEHAVIOUR_MEASURES: tuple[BehaviourMeasure, ...] = get_args(BehaviourMeasure)


class ComparedBehaviour(Record):
    """Of models that were asked the same problems and items."""

    kinds: Mapping[Kind, Mapping[BehaviourMeasure, Contrasted]] = Field(default_factory=dict)
    """A measure that no item has in all models isn't there."""
    tags: tuple[str, str] | None = None
    """What a chain of thought stands between, in all of them."""
    why: Literal["not-asked-for", "no-model-could"] | None = None
    """None: it was compared."""
