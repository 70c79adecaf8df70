"""What speaks against the onset of a kind's probe? Where it lies, the lens's onset, and controls that keep up with it there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strata.experiments.items.schema import Kind
from strata.experiments.results.caveats import Caveat

KEEPING_UP = ("random_init", "control_accuracy")
"""Measures of the probe's curve that must stay below its accuracy: the same on random weights, and on the control task."""


@dataclass(frozen=True)
class CurvePoint:
    """A measure of the main probe at one stream."""

    mean: float | None
    low: float | None
    high: float | None


def read_out_caveats(
    kind: Kind, probe: int | None, lens: int | None, at_onset: Mapping[str, CurvePoint]
) -> Iterator[Caveat]:
    """`probe`, `lens`: streams of the onsets; `at_onset`: by measure the probe's curve at its own."""
    if probe is None:
        return
    if probe == 0:
        yield Caveat(code="decodable-at-input", kind=kind)
    if lens is not None and lens < probe:
        yield Caveat(code="readable-before-decodable", kind=kind, stream=probe, lens_stream=lens)
    accuracy = at_onset.get("accuracy")
    if accuracy is None or accuracy.low is None:
        return
    means = {measure: at_onset[measure].mean for measure in KEEPING_UP if measure in at_onset}
    keeping = {measure: mean for measure, mean in means.items() if mean is not None and mean >= accuracy.low}
    if keeping:
        interval = (accuracy.low, accuracy.high)
        yield Caveat(code="controls-keep-up", kind=kind, stream=probe, controls=keeping, interval=interval)
