"""What is said first of a comparison: one sentence, and three numbers with their intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strata.dashboards.sentences.changes_and_intervals import points
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.experiments.results.answer_measures import GENERATED
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.headline import About, HeadlineNumber, NoClaim

LABELS: Mapping[About, str] = {
    "generated": GENERATED,
    "knowledge": "knowledge beyond the format",
    "where": "upper half of the blocks less lower half",
}
"""What the three numbers are called."""
NO_CLAIM: Mapping[NoClaim, str] = {
    "not-measured": "not measured",
    "too-few-clusters": "too few clusters for an interval",
    "nothing-shown": "it may be no change",
    "nothing-beyond-control": "the control model may have changed as much",
    "not-by-all": "not every measure of the answers shows it",
    "denied-at-prompts": "the measures at the prompts show the opposite",
    "seeds-disagree": "another seed of the same training changed the other way",
}


@dataclass(frozen=True)
class ToldNumber:
    """One of the three as it is shown."""

    about: About
    label: str
    value: str
    """`+12.5 points [+4.0, +21.0]`, or `–`."""
    note: str
    """What is beyond the control, and whether it is claimed."""
    claimed: bool
    change: Estimated | None = None
    """The same as numbers."""
    beyond: Estimated | None = None
    """The same beyond the control."""
    limit: float = 1.0
    """Half the range of the line on which its interval is drawn: one for all shares."""


def headline_sentence(comparison: Comparison) -> str:
    """All three in one."""
    told = comparison.headline
    first = _changed(told.generated, GENERATED, "rise", "fall")
    second = _changed(told.knowledge, LABELS["knowledge"], "rises", "falls")
    # Halves of a change that may be none say nothing.
    changed = told.generated.change is not None and told.generated.change.side != 0
    half = {1: "upper", -1: "lower", 0: ""}[told.where.claim if changed else 0]
    third = "which blocks bring the change is open"
    if half:
        third = f"the {half} half of the blocks brings more of the change"
    elif changed and told.where.why == "nothing-beyond-control":
        third = "which blocks bring it is not told from the control, whose halves differ the same way"
    return f"{first[0].upper()}{first[1:]}; {second}; {third}."


def _changed(number: HeadlineNumber, what: str, rises: str, falls: str) -> str:
    """`generated answers rise (…), and nothing is shown beyond the control (…)`."""
    if number.change is None or number.change.value is None:
        return f"{what}: not measured"
    moves = f"{what} {rises if number.change.value > 0 else falls} ({_value(number)})"
    if number.claim:
        return moves if number.beyond is None else f"{moves}, and beyond the control ({points(number.beyond)})"
    if number.why == "nothing-beyond-control" and number.beyond is not None:
        return f"{moves}, but nothing is shown beyond the control ({points(number.beyond)})"
    if number.why == "too-few-clusters":
        # Without an interval the number is no finding.
        return f"nothing can be said of {what} ({_bare(number)}; {_too_few(number)})"
    if number.why == "nothing-shown":
        return f"no change of {what} is shown ({_value(number)})"
    return f"no change of {what} is claimed ({_value(number)}): {NO_CLAIM[number.why or 'not-measured']}"


def headline_numbers(comparison: Comparison) -> tuple[ToldNumber, ...]:
    """In their order."""
    told = comparison.headline
    shares = _limit((told.generated, told.knowledge))
    return (_told(told.generated, shares), _told(told.knowledge, shares), _told(told.where, _limit((told.where,))))


def number_line(told: ToldNumber) -> str:
    """As a terminal prints one of them."""
    return f"{told.label}: {told.value}{f' ({told.note})' if told.note else ''}"


def seeds_sentence(comparison: Comparison) -> str:
    """What each seed says by itself; empty where there is one."""
    if len(comparison.seeds) < 2:
        return ""
    generated = _of_seeds([seed.generated for seed in comparison.seeds])
    knowledge = _of_seeds([seed.beyond_format.get("knowledge", Contrasted()) for seed in comparison.seeds])
    return (
        f"{len(comparison.seeds)} seeds of the training, each against its own control where it has one; generated answers and what is beyond "
        f"the format are means over them, their intervals over items and not over seeds. Alone they change {GENERATED} by {generated}, knowledge beyond the format by {knowledge}."
    )


def _of_seeds(changes: list[Contrasted]) -> str:
    values = (None if change.change is None else change.change.value for change in changes)
    return ", ".join("–" if value is None else signed(100 * value, 1) for value in values) + " points"


def _limit(numbers: Iterable[HeadlineNumber]) -> float:
    """As much as holds them all with their intervals, in twentieths."""
    changes = [change for number in numbers for change in (number.change, number.beyond) if change is not None]
    reach = [abs(end) for change in changes for end in (change.value, change.low, change.high) if end is not None]
    return max(0.05, math.ceil(20 * max(reach, default=1.0)) / 20)


def _told(number: HeadlineNumber, limit: float) -> ToldNumber:
    notes = []
    if number.beyond is not None:
        notes.append(f"beyond the control {points(number.beyond)}")
    why = NO_CLAIM[number.why or "not-measured"]
    if number.about == "where" and number.why == "nothing-beyond-control":
        notes.append("of the change from the base")
        why = "the control's halves differ the same way"
    elif number.about == "where":
        notes.append("of the change from the base, whatever the control's is")
    if number.why == "too-few-clusters":
        why = _too_few(number)
    notes.append("shown" if number.claim else why)
    bounded = number.change is not None and number.change.low is not None
    said = LABELS[number.about], _value(number) if bounded else _bare(number), "; ".join(notes)
    return ToldNumber(number.about, *said, bool(number.claim), number.change, number.beyond, limit)


def _too_few(number: HeadlineNumber) -> str:
    """How few clusters, where that is known."""
    n = 0 if number.change is None else number.change.n_clusters
    return f"{NO_CLAIM['too-few-clusters']}{f': {n}' if n else ''}"


def _bare(number: HeadlineNumber) -> str:
    """Without an interval, or why there is none."""
    if number.change is None or number.change.value is None:
        return "–"
    if number.about == "where":
        return signed(number.change.value)
    return f"{signed(100 * number.change.value, 1)} points"


def _value(number: HeadlineNumber) -> str:
    if number.change is None or number.change.value is None:
        return "–"
    if number.about == "where":
        return f"{signed(number.change.value)}{signed_interval(number.change.low, number.change.high)}"
    return points(number.change)
