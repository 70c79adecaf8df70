"""What one direction, added to the base, brings of what training brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import TypeAdapter

from strata.experiments.results.estimates import Estimated
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record

SteeringControl = Literal[
    "random",  # directions drawn at random, as long, each at the stream that is best for it
    "control-model",  # the direction of the control model, as long
    "elsewhere",  # the same direction at a stream half a model away
    "flipped",  # the same direction, sign turned
]
SteeringVerdict = Literal[
    "carries",  # it recovers surely more than the least share and than every control, and more than a further random one would
    "not-beyond-controls",
    "recovers-nothing",  # the interval of its recovery doesn't lie above the least share
    "nothing-to-recover",  # the model doesn't surely make the traces likelier than the base does
    "undecided",  # too few clusters for intervals
]
LEAST_RECOVERED = 0.05
"""Share of the gain below which nothing is said to be carried: single random directions reach some hundredths."""


class StreamRecovered(Record):
    """Recovery at one stream, on the problems that the stream is chosen on."""

    stream: int
    recovered: float | None


class SteeredAnswers(Record):
    """What the base writes, with and without the direction."""

    problems: int
    right: Estimated
    """Share of right answers, as it is."""
    steered_right: Estimated
    change: Estimated
    repeated: float
    """Mean share of runs of four words that stood in the text before."""
    steered_repeated: float


class Steering(Record):
    """Of one model: the direction is its mean streams less the base's over the written tokens of training problems' traces."""

    trained_on: int
    """Problems behind the direction."""
    chosen_on: int
    """Problems that the stream was chosen on."""
    judged_on: int
    """Other ones: everything else is of them."""
    base: Estimated
    """Mean log-probability of a token of the true trace, in nats, of the base."""
    target: Estimated
    """Of the model."""
    gain: Estimated
    """The one less the other."""
    by_stream: tuple[StreamRecovered, ...] = ()
    stream: int | None = None
    """The best one. None: there is nothing to recover."""
    depth: float | None = None
    length: float | None = None
    """Of the direction there, as a share of the mean length of the base's stream."""
    recovered: Estimated | None = None
    """Share of the gain."""
    controls: Mapping[SteeringControl, tuple[Estimated, ...]] = {}
    """The same; several random directions."""
    random_bound: float | None = None
    """What a further random direction, its stream chosen alike, stays below in 97.5 %."""
    beyond: Estimated | None = None
    """Recovered less what the best of the controls recovers."""
    answers: SteeredAnswers | None = None
    """None: there is nothing to recover."""
    verdict: SteeringVerdict


STEERING_FILE: JsonFile[Steering | None] = JsonFile("steering.json", "steering", TypeAdapter(Steering | None))
"""None: it wasn't measured."""
