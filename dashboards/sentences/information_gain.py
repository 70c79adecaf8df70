"""How much do steps tell of the answer, beyond what any text in their place does? The same for the terminal and the page."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, number, stream_range
from strata.dashboards.sentences.confidence import estimated
from strata.experiments.items.schema import Kind
from strata.experiments.results.thinking_summary import (
    Change,
    InformationGain,
    StepControl,
    StepSource,
    WhyNoSteps,
    WhyNotShown,
)

PANEL = "gain of the right answer (nats)"
"""What is drawn by stream."""
LINES = {
    "steps": "the steps",
    "other_steps": "another problem's steps",
    "filler": "words of the question",
    "repeated": "the first step repeated",
}
"""What lines are called."""
NO_GAIN = "as without steps"
WHOSE = {"written": "written for the problem", "own": "that the model wrote itself"}


def gain_aria(part: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"{part}: by stream 0 to {n_layers}, how much likelier the right answer is behind the steps than without, beside other texts in "
        "their place."
    )


def gain_title(source: StepSource, kind: str) -> str:
    """What one part of the page is about."""
    return f"{kind}, steps {WHOSE[source]}"


def gain_sentences(source: StepSource, kind: Kind, gain: InformationGain, n_layers: int) -> list[str]:
    """The number first, then the published one, then where it shows."""
    return [_number(source, kind, gain), _perplexity(gain), _by_stream(gain, n_layers)]


def why_no_steps(source: StepSource, why: WhyNoSteps) -> str:
    """As a sentence."""
    match why.code:
        case "no-written-steps":
            return f"Steps {WHOSE[source]} weren't read: nobody wrote any for these problems."
        case "never-thinks":
            return f"Steps {WHOSE[source]} weren't read: no answer has a closed chain of thought."
        case "context-too-short":
            return f"Steps {WHOSE[source]} weren't read: with them no problem fits the model's context."
        case _:
            assert_never(why.code)


def steps_too_long(source: StepSource, problems: int) -> str:
    """Of problems that were left aside, as a caveat."""
    return f"{count(problems, 'problem')} without a gain of the steps {WHOSE[source]}: with them longer than the model's context"


def why_not_shown(why: WhyNotShown) -> str:
    """As a clause."""
    match why.code:
        case "too-few-clusters":
            return "there are fewer than eight clusters"
        case "no-other-problem":
            return "there is no other problem to be held against"
        case "none-readable":
            return "none fits the model's context and can be scored"
        case _:
            assert_never(why.code)


def _number(source: StepSource, kind: Kind, gain: InformationGain) -> str:
    controls = ", ".join(f"{LINES[name]} {estimated(found)}" for name, found in gain.controls.items())
    held = (
        "there is no control"
        if gain.beyond is None or gain.largest is None
        else f"beyond the largest control, {_named(gain.largest)}, {estimated(gain.beyond)}: {_change(gain.change)}"
    )
    return (
        f"On {kind} problems the steps {WHOSE[source]} make the right answer likelier by G = {estimated(gain.gain)} nats; {held}. Controls: "
        f"{controls or 'none'}. Steps t = {number(gain.steps.value, 1)}, G/t = {estimated(gain.gain_per_step)} "
        f"({count(gain.problems, 'problem')} in {count(gain.clusters, 'cluster')})."
    )


def _named(control: StepControl) -> str:
    return LINES[control]


def _change(change: Change) -> str:
    match change:
        case "gains":
            return "they tell of the answer"
        case "loses":
            return "they tell less of the answer than that"
        case "not-seen":
            return "they aren't seen to tell more of the answer than that"
        case "undecided":
            return "not judged (fewer than eight clusters)"
        case _:
            assert_never(change)


def _perplexity(gain: InformationGain) -> str:
    share = (
        "" if gain.largest_share is None else f", of which one problem carries {number(100 * gain.largest_share, 0)} %"
    )
    return f"Drop of perplexity a step, as published: {number(gain.perplexity_drop)}{share}."


def _by_stream(gain: InformationGain, n_layers: int) -> str:
    if gain.shows is None:
        assert gain.why_no_layers is not None
        return f"By stream: nothing is said, {why_not_shown(gain.why_no_layers)}."
    if gain.shows.stream is None:
        return "By stream: at none do the steps gain more than another problem's."
    band = "" if gain.shows.interval is None else f" [{stream_range(*gain.shows.interval)}]"
    return f"By stream: from {gain.shows.stream}{band} of 0–{n_layers} on the steps gain more than another problem's."
