"""How is a change with its interval told, with what is left beyond the control, and which measures bear it?"""

from __future__ import annotations

from strata.dashboards.sentences.answer_changes import disagreement, shown_by
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.results.comparison import AnswerChange
from strata.experiments.results.estimates import Contrasted, Estimated

NEITHER = "neither a gain nor a loss is claimed"
_TOO_FEW = "too few clusters for an interval"


def agreement_clauses(change: AnswerChange) -> list[str]:
    """Why no claim is made of numbers some of which leave 0 out; none where that doesn't need to be said."""
    apart, partly = disagreement(change), shown_by(change)
    told = [] if apart is None else [f"The measures disagree: {apart}."]
    return told if partly is None else [*told, f"{partly[0].upper()}{partly[1:]}."]


def too(accuracy: Contrasted) -> str:
    """After a claim: that it stands against the control as well, where there is one."""
    return ", against the control model too" if accuracy.difference_in_differences else ""


def with_control(words: str, accuracy: Contrasted) -> str:
    """`words`: the change; the difference in differences against the control, or that there is none."""
    change, beyond = accuracy.change, accuracy.difference_in_differences
    words = f"{words}: {points(change)}"
    if change is None or not change.excludes_zero:
        words += ", which may be no change"
    if beyond is None:
        return f"{words}; without a control model it can't be told from what any training does."
    unsure = "" if beyond.excludes_zero else ", which may be nothing"
    return f"{words}; difference in differences against the control {points(beyond)}{unsure}."


def points(estimate: Estimated | None) -> str:
    """A change of a share: `+2.8 points [+1.0, +4.6]`."""
    estimate = estimate or Estimated(value=None)
    value, low, high = (None if end is None else 100 * end for end in (estimate.value, estimate.low, estimate.high))
    return f"{signed(value or 0.0, 1)} points{f' ({_TOO_FEW})' if low is None else signed_interval(low, high, 1)}"
