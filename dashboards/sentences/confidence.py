"""Is the model as often right as it is sure, and from which stream on does it choose? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, interval, number, stream_range, two_digits
from strata.experiments.items.schema import Kind
from strata.experiments.results.confidence_summary import (
    AgainstCalibrated,
    Confidence,
    ConfidenceLayers,
    Leaning,
    WhyNoLayers,
)
from strata.experiments.results.estimates import Estimated

PANELS = {"accuracy": "share of right options", "overconfidence": "mean confidence − accuracy"}
"""What is drawn by stream."""
CHANCE, AS_SURE_AS_RIGHT = "chance", "as sure as right"
OWN, NULL = "the item's options", "another item's options, read here"
"""What lines are called."""


def panels_aria(kind: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"On {kind} items, by stream 0 to {n_layers}: share of right options and mean confidence minus accuracy, each beside what "
        "another item's options reach in the same prompt."
    )


def confidence_sentences(kind: Kind, confidence: Confidence, n_layers: int) -> list[str]:
    """The number first, then how well probabilities fit, then where it shows."""
    return [leaning_sentence(kind, confidence), _fit(confidence), layer_sentence(confidence, n_layers)]


def leaning_sentence(kind: Kind, confidence: Confidence) -> str:
    """Mean confidence − accuracy, and what it is made of."""
    return (
        f"On {kind} items the model is {_leaning(confidence.leaning)}: mean confidence − accuracy "
        f"{estimated(confidence.overconfidence)} (confidence {number(confidence.confidence.value)}, accuracy "
        f"{estimated(confidence.accuracy)}, chance {number(confidence.chance)}; {count(confidence.items, 'item')} in "
        f"{count(confidence.clusters, 'cluster')}, {number(confidence.options, 1)} options each)."
    )


def layer_sentence(confidence: Confidence, n_layers: int) -> str:
    """Where accuracy rises and options settle, or why that isn't said."""
    if confidence.layers is not None:
        return _layers(confidence.layers, n_layers)
    assert confidence.why_no_layers is not None
    return f"By stream: nothing is said, {why_no_layers(confidence.why_no_layers)}."


def why_no_layers(why: WhyNoLayers) -> str:
    """As a clause."""
    match why.code:
        case "not-above-chance":
            return "these items aren't answered above chance"
        case "too-few-clusters":
            return "there are fewer than eight clusters"
        case _:
            assert_never(why.code)


def estimated(estimate: Estimated) -> str:
    """A value and its interval, as far as there is one."""
    return f"{number(estimate.value)} {interval(estimate.low, estimate.high)}".strip()


def against(score: AgainstCalibrated) -> str:
    """A score beside what a calibrated model of that size would have."""
    return (
        f"{number(score.value, 3)} (a calibrated model of that size {number(score.calibrated_mean, 3)}, 95 % below "
        f"{number(score.calibrated_95, 3)}; p = {two_digits(score.p)})"
    )


def _leaning(leaning: Leaning) -> str:
    match leaning:
        case "overconfident" | "underconfident":
            return leaning
        case "neither":
            return "neither overconfident nor underconfident, as far as can be seen"
        case "undecided":
            return "not judged (fewer than eight clusters)"
        case _:
            assert_never(leaning)


def _fit(confidence: Confidence) -> str:
    brier = f"Brier score {against(confidence.brier)}"
    error = f"calibration error over {count(len(confidence.bins), 'equal-mass bin')} {against(confidence.calibration_error)}"
    why = confidence.why_not_resolvable
    if why is not None:
        return f"{brier}; {error}: not resolvable with {count(why.items, 'item')}, {why.needed} are needed."
    judged = (
        "larger than a calibrated model's"
        if confidence.calibration_error.beyond
        else "no larger than a calibrated model's"
    )
    return f"{brier}; {error}: {judged}."


def _layers(layers: ConfidenceLayers, n_layers: int) -> str:
    rises = layers.rises
    if rises.stream is None:
        rise = "at no stream is the right option chosen more often than another item's would be"
    else:
        band = "" if rises.interval is None else f" [{stream_range(*rises.interval)}]"
        rise = (
            f"from stream {rises.stream}{band} of 0–{n_layers} on the right option is chosen more often than chance and than "
            "another item's would be"
        )
    other = "" if layers.settles_other is None else f", another item's options at {estimated(layers.settles_other)}"
    apart = [
        f"{name} {estimated(found)}"
        for name, found in (("right answers", layers.settles_right), ("wrong ones", layers.settles_wrong))
        if found is not None
    ]
    return f"By stream: {rise}. The choice settles on average at stream {estimated(layers.settles)} ({', '.join(apart)}{other})."
