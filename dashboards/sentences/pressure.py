"""Does a wrong answer put before the question change the model's own, and from which stream on? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, stream_range
from strata.dashboards.sentences.confidence import estimated
from strata.dashboards.sentences.places import blocks_words, cell_label
from strata.dashboards.sentences.reasons import why_not_placed
from strata.dashboards.sentences.stage_rows import installed_words, measured_words
from strata.experiments.items.schema import Kind
from strata.experiments.results.behaviour_summary import (
    Adopted,
    AdoptedFrom,
    NotPressed,
    Outcome,
    Pressure,
    PressureLayers,
    WhyNoPressureLayers,
)
from strata.experiments.results.pressure_cells import PressureCells, WhyNoCells

PANELS = {"gain": "gain of the wrong answer (nats)", "margin": "log P(wrong) − log P(right) (nats)"}
"""What is drawn by stream."""
AFTER = {
    "neutral": "after neutral words",
    "right": "after the right answer",
    "wrong": "after the wrong answer",
    "other_wrong": "after another wrong answer",
}
"""What lines are called."""
NO_GAIN, NEITHER = "as after neutral words", "neither is likelier"
"""What the horizontal lines say."""


def pressure_aria(kind: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"On {kind} items, by stream 0 to {n_layers}: what a wrong answer put before the question gains over neutral words, beside what it "
        "gains after another wrong answer; and how much likelier it is than the right one."
    )


def pressure_sentences(kind: Kind, pressure: Pressure, n_layers: int) -> list[str]:
    """The number first, then where it shows."""
    return [_number(kind, pressure), _by_stream(pressure, n_layers)]


def carried_sentence(kind: Kind, cells: PressureCells) -> str:
    """Which parts carry the wrong answer, or why nothing is said."""
    family = cells.family
    of = (
        f"{count(family.pairs, 'pair')} in {count(family.entities, 'entity', 'entities')}; {cells.moved} of {count(cells.eligible, 'item')} right after "
        "neutral words are moved by a logit"
    )
    if not family.cells:
        why = (
            "no intervention was made"
            if family.why_not_placed is None
            else why_not_placed(family.why_not_placed, family.span)
        )
        return f"On {kind} items what carries the wrong answer isn't said: {why} ({of})."
    counted = [cell for cell, found in family.cells.items() if found.counts]
    if not counted:
        return f"On {kind} items no part of the model is shown to carry the wrong answer ({of})."
    told = []
    for cell in counted:
        found = family.cells[cell]
        windows = [blocks_words(locus.first, locus.last) for locus in family.loci if locus.cell == cell]
        at = f" ({' or '.join(windows)})" if windows else ""
        told.append(
            f"{cell_label(cell, family.span)}{at} {measured_words(found.effect)}, beyond a third answer {installed_words(found)}"
        )
    return f"On {kind} items the wrong answer is carried by {'; '.join(told)} ({of})."


def no_cells_words(why: WhyNoCells) -> str:
    """As a clause."""
    match why:
        case "not-asked":
            return "no pairs were asked for"
        case _:
            assert_never(why)


def not_pressed_words(why: NotPressed) -> str:
    """As a clause."""
    match why:
        case "control-item":
            return "they are controls, for which nothing is known or worked out"
        case "no-wrong-answer-of-that-length":
            return "their family has no wrong answer of as many tokens as the right one"
        case "no-other-answer-of-that-length":
            return "their family has no second wrong answer of as many tokens as the right one"
        case "no-neutral-text-of-that-length":
            return "no neutral words have that many tokens"
        case "context-too-short":
            return "the question asked twice is longer than the model's context"
        case _:
            assert_never(why)


def why_no_pressure_layers(why: WhyNoPressureLayers) -> str:
    """As a clause."""
    match why.code:
        case "not-above-chance":
            return "after neutral words the right answer isn't likelier more often than not"
        case "too-few-clusters":
            return "there are fewer than eight clusters"
        case _:
            assert_never(why.code)


def _number(kind: Kind, pressure: Pressure) -> str:
    basis = f"{count(pressure.right, 'item')} in {count(pressure.clusters, 'cluster')} right after neutral words, of {pressure.items}"
    if pressure.excess is None:
        return (
            f"On {kind} items no answer can flip: none is right after neutral words ({count(pressure.items, 'item')})."
        )
    shares = ", ".join(f"{estimated(pressure.flips[name])} {AFTER[name]}" for name in ("other_wrong", "right"))
    return (
        f"On {kind} items a wrong answer put before the question {_adopted(pressure.adopted)}: flips {estimated(pressure.flips['wrong'])}, "
        f"{shares}; excess over another wrong answer {estimated(pressure.excess)} ({basis})."
    )


def _adopted(adopted: Adopted) -> str:
    match adopted:
        case "adopted":
            return "is taken over"
        case "not-seen":
            return "isn't seen to be taken over"
        case "undecided":
            return "can't be judged (fewer than eight clusters)"
        case _:
            assert_never(adopted)


def _by_stream(pressure: Pressure, n_layers: int) -> str:
    if pressure.layers is not None:
        return _layers(pressure.layers, n_layers)
    assert pressure.why_no_layers is not None
    return f"By stream: nothing is said, {why_no_pressure_layers(pressure.why_no_layers)}."


def _layers(layers: PressureLayers, n_layers: int) -> str:
    return (
        f"By stream: its gain over another wrong answer's shows {_from(layers.gains, n_layers)}; it is likelier than the right answer "
        f"{_from(layers.overtakes, n_layers)}; at the last stream {_outcome(layers.outcome)} (log P(wrong) − log P(right) "
        f"{estimated(layers.end)} nats)."
    )


def _from(found: AdoptedFrom, n_layers: int) -> str:
    if found.stream is None:
        return "at no stream"
    band = "" if found.interval is None else f" [{stream_range(*found.interval)}]"
    return f"from stream {found.stream}{band} of 0–{n_layers} on"


def _outcome(outcome: Outcome) -> str:
    match outcome:
        case "wrong-stays":
            return "the wrong one is the likelier"
        case "recovers":
            return "the right one has recovered"
        case "never-overtakes":
            return "the right one is the likelier, as on the way"
        case "open":
            return "neither is likelier, as far as can be seen"
        case _:
            assert_never(outcome)
