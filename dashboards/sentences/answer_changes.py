"""Which measures of the answers show a change, which don't, and which deny it? For a sentence and for the row under a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from strata.dashboards.sentences.deciding_measure import deciding_label
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.compare.measure_agreement import Signs, claimed, opposite, shown_by_contrast
from strata.experiments.results.answer_measures import AGREEING, MEASURES
from strata.experiments.results.comparison import AnswerChange
from strata.experiments.results.comparison_reasons import Lacking
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.roles import Contrast

AGAINST: Mapping[Contrast, str] = {
    "change": "against the base",
    "control_change": "against the base",
    "difference_in_differences": "against the control model",
}
_MOVES = {1: "a rise", -1: "a fall"}


def disagreement(change: AnswerChange) -> str | None:
    """By contrast the measures whose intervals lie on opposite sides of 0, with what each says; None where none do."""
    parts = [
        f"{AGAINST[contrast]}: {_each(change, contrast, [name for name, sign in signs.items() if sign])}"
        for contrast, signs in shown_by_contrast(change).items()
        if opposite(signs)
    ]
    return "; ".join(parts) or None


def shown_by(change: AnswerChange) -> str | None:
    """By contrast which measures show a change and which don't, where no claim stands and none denies another; else None."""
    by_contrast = shown_by_contrast(change)
    if claimed(change) or not any(sign for signs in by_contrast.values() for sign in signs.values()):
        return None
    parts = [
        f"{AGAINST[contrast]} {_standing(change, signs)}"
        for contrast, signs in by_contrast.items()
        if not opposite(signs)
    ]
    return "; ".join(parts) or None


def lacking_words(change: AnswerChange, parts: Iterable[Lacking], sign: int) -> str:
    """`against the base (the measures disagree) nor against …`: every contrast that doesn't bear a gain (`sign` 1) or a loss (−1)."""
    return " nor ".join(_lacking(change, part, sign) for part in parts)


def _lacking(change: AnswerChange, part: Lacking, sign: int) -> str:
    if part.contrast is None:
        return "by more than one measure"
    named = ", ".join(label_of(change, name) for name in part.measures)
    why = {
        "nothing-shown": "",
        "more-than-one-measure": "",
        "disagree": " (the measures disagree)",
        "not-by-all": f" (not by {named})",
        "opposite": f" ({_MOVES[-sign]} is shown by {named})",
    }[part.lack]
    return f"{AGAINST[part.contrast]}{why}"


DECIDED_UNIT = "share of items"
"""Of the accuracy that decides."""


def denial(denied: Mapping[Contrast, Iterable[str]], at_prompts: AnswerChange) -> str:
    """What the measures at the prompts show against a generated answer."""
    return "; ".join(f"{AGAINST[contrast]} {_each(at_prompts, contrast, names)}" for contrast, names in denied.items())


def bearers(change: AnswerChange) -> str:
    """All measures of the change."""
    return ", ".join(label_of(change, name) for name in shown_by_contrast(change)["change"])


def label_of(change: AnswerChange, name: str) -> str:
    """What a measure is called; `accuracy` is the one that decides for these items."""
    known = next((measure for measure in MEASURES.values() if measure.name == name), None)
    return deciding_label(change.decided_by) if known is None else known.label


def moved(change: AnswerChange, name: str, contrast: Contrast) -> str:
    """`+2.8 points [+1.0, +4.6]` or `−0.31 nats [−0.50, −0.12]`."""
    estimate = change.measure(name).of(contrast) or Estimated(value=None)
    measure = next((known for known in AGREEING if known.name == name), None)
    share = measure is None or measure.is_share
    scale, digits = (100, 1) if share else (1, 2)
    unit = " points" if share else " nats" if measure is not None and measure.unit == "nats" else ""
    low, high = (None if end is None else scale * end for end in (estimate.low, estimate.high))
    return f"{signed(scale * (estimate.value or 0.0), digits)}{unit}{signed_interval(low, high, digits)}"


def _standing(change: AnswerChange, signs: Signs) -> str:
    """Of measures that don't deny each other: `a fall is shown by A, B; not shown by C`."""
    yes, no = (
        ", ".join(label_of(change, name) for name, sign in signs.items() if bool(sign) is shows)
        for shows in (True, False)
    )
    if not yes:
        return "no measure shows a change"
    move = _MOVES[next(sign for sign in signs.values() if sign)]
    return (
        f"{move} is shown by {yes if no or len(signs) == 1 else 'every measure'}{f', not shown by {no}' if no else ''}"
    )


def _each(change: AnswerChange, contrast: Contrast, names: Iterable[str]) -> str:
    return ", ".join(f"{label_of(change, name)} {moved(change, name, contrast)}" for name in names)
