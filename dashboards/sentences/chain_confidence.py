"""Do the steps before an answer make the model surer than they make it right? The same for the terminal and the page."""

from __future__ import annotations

from strata.dashboards.number_formats import count, number, stream_range
from strata.dashboards.sentences.confidence import against, estimated, why_no_layers
from strata.dashboards.sentences.information_gain import WHOSE
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.items.schema import Kind
from strata.experiments.results.confidence_summary import ChainConfidence, ConfidenceBehind
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import StepSource

PANELS = {"accuracy": "share of right options", "overconfidence": "mean confidence − accuracy"}
"""What is drawn by stream."""
LINES = {"steps": "behind the steps", "other_steps": "behind another problem's steps", "none": "before the steps"}
"""What lines are called."""


def chain_confidence_title(source: StepSource, kind: str) -> str:
    """What one part of the page is about."""
    return f"{kind}, steps {WHOSE[source]}"


def chain_confidence_aria(part: str, n_layers: int) -> str:
    """Of the figure."""
    return (
        f"{part}: by stream 0 to {n_layers}, share of right options and mean confidence minus accuracy behind the steps, behind another "
        "problem's steps, and before them."
    )


def chain_confidence_sentences(source: StepSource, kind: Kind, found: ChainConfidence, n_layers: int) -> list[str]:
    """The number first, then how well probabilities fit, then where it shows."""
    return [_number(source, kind, found), _fit(found), _by_stream(found, n_layers)]


def options_not_read(source: StepSource, kind: Kind, problems: int) -> str:
    """Of problems that were left aside, as a caveat."""
    return (
        f"{count(problems, f'{kind} problem')} without a confidence behind the steps {WHOSE[source]}: with them longer than the model's context, or "
        "one of the options can't be scored"
    )


def _number(source: StepSource, kind: Kind, found: ChainConfidence) -> str:
    held = (
        "there is no other problem's to hold against"
        if found.other_steps is None or found.beyond is None
        else f"less that behind another problem's steps {_signed(found.beyond)} ({_made_of(found.other_steps)})"
    )
    return (
        f"On {kind} problems that offer options, mean confidence − accuracy is {estimated(found.before.overconfidence)} before the steps "
        f"{WHOSE[source]} ({_made_of(found.before)}) and {estimated(found.after.overconfidence)} behind them ({_made_of(found.after)}): change "
        f"{_signed(found.change)}; {held}. Chance {number(found.chance)}; {count(found.problems, 'problem')} in "
        f"{count(found.clusters, 'cluster')}, {number(found.options, 1)} options each."
    )


def _made_of(behind: ConfidenceBehind) -> str:
    return f"confidence {number(behind.confidence.value)}, accuracy {estimated(behind.accuracy)}"


def _fit(found: ChainConfidence) -> str:
    told = "; ".join(
        f"{words} Brier score {against(behind.brier)}, calibration error {against(behind.calibration_error)}"
        for words, behind in (("before the steps", found.before), ("behind them", found.after))
    )
    why = found.why_not_resolvable
    few = (
        ""
        if why is None
        else f" The calibration errors are not resolvable with {count(why.items, 'problem')}, {why.needed} are needed."
    )
    return f"{told[0].upper()}{told[1:]}.{few}"


def _by_stream(found: ChainConfidence, n_layers: int) -> str:
    if found.rises is None:
        assert found.why_no_layers is not None
        return f"By stream: nothing is said, {why_no_layers(found.why_no_layers)}."
    settles = (
        f"The choice settles on average at stream {estimated(found.after.settles)} behind the steps, "
        f"{estimated(found.before.settles)} before them."
    )
    if found.rises.stream is None:
        return f"By stream: at none do the steps bring more right options than another problem's. {settles}"
    band = "" if found.rises.interval is None else f" [{stream_range(*found.rises.interval)}]"
    return f"By stream: from {found.rises.stream}{band} of 0–{n_layers} on the steps bring more right options than another problem's. {settles}"


def _signed(estimate: Estimated) -> str:
    return f"{signed(estimate.value or 0.0)}{signed_interval(estimate.low, estimate.high)}"
