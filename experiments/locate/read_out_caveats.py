"""What speaks against the onset of a kind's probe? Where it lies, the lens's onset, and controls that keep up with it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

ReadOutDoubt = Literal[
    "decodable-at-input",  # the probe's onset is stream 0: it reads the input, not a computation
    "readable-before-decodable",  # the lens finds the answer at an earlier stream than the probe
    "controls-keep-up",  # some control reaches the interval of the probe's accuracy at its onset
]
KEEPING_UP = ("random_init", "control_accuracy")
"""Measures of the probe's curve that must stay below its accuracy: the same on random weights, and on the control task."""


@dataclass(frozen=True)
class CurvePoint:
    """A measure of the main probe at one stream."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ReadOutCaveat:
    """One of them."""

    code: ReadOutDoubt
    probe: int
    """Stream of its onset."""
    lens: int | None = None
    controls: Mapping[str, float] | None = None
    """Measure: mean, of those that keep up."""
    accuracy: CurvePoint | None = None
    """At the probe's onset, where controls keep up with it."""


def read_out_caveats(
    probe: int | None, lens: int | None, at_onset: Mapping[str, CurvePoint]
) -> Iterator[ReadOutCaveat]:
    """`probe`, `lens`: streams of the onsets; `at_onset`: by measure the probe's curve at its own."""
    if probe is None:
        return
    if probe == 0:
        yield ReadOutCaveat("decodable-at-input", probe)
    if lens is not None and lens < probe:
        yield ReadOutCaveat("readable-before-decodable", probe, lens)
    accuracy = at_onset.get("accuracy")
    if accuracy is None or accuracy.low is None:
        return
    means = {measure: at_onset[measure].mean for measure in KEEPING_UP if measure in at_onset}
    keeping = {measure: mean for measure, mean in means.items() if mean is not None and mean >= accuracy.low}
    if keeping:
        yield ReadOutCaveat("controls-keep-up", probe, controls=keeping, accuracy=accuracy)
