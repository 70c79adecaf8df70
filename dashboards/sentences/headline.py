"""What is said first of a comparison: one sentence, and three numbers with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from strata.dashboards.sentences.signed import signed, signed_interval
from strata.dashboards.sentences.told_changes import points
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


def headline_sentence(comparison: Comparison) -> str:
    """All three in one."""
    generated, knowledge, where = (
        comparison.headline.generated,
        comparison.headline.knowledge,
        comparison.headline.where,
    )
    moved = {1: "raises", -1: "lowers", 0: "is not shown to change"}[generated.claim]
    first = (
        f"Training {moved} {GENERATED}{_amount(generated)}"
        if _measured(generated)
        else "Generated answers were not measured"
    )
    lost = {1: "knowledge rises beyond the format", -1: "knowledge is lost beyond the format", 0: "no change of knowledge is claimed beyond the format"}[knowledge.claim]  # fmt: skip
    if not _measured(knowledge):
        lost = "knowledge was not measured"
    half = {1: "upper", -1: "lower", 0: ""}[where.claim if generated.claim else 0]
    brought = (
        f"the {half} half of the blocks brings more of the change" if half else "which blocks bring the change is open"
    )
    return f"{first}; {lost}{_amount(knowledge)}; {brought}."


def headline_numbers(comparison: Comparison) -> tuple[ToldNumber, ...]:
    """In their order."""
    told = comparison.headline
    return tuple(_told(number) for number in (told.generated, told.knowledge, told.where))


def headline_lines(comparison: Comparison) -> Iterator[str]:
    """As a terminal prints them: the sentence, a line a number, a line for the seeds."""
    yield headline_sentence(comparison)
    for number in headline_numbers(comparison):
        yield f"{number.label}: {number.value}{f' ({number.note})' if number.note else ''}"
    if seeds := seeds_sentence(comparison):
        yield seeds


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


def _told(number: HeadlineNumber) -> ToldNumber:
    notes = []
    if number.beyond is not None:
        notes.append(f"beyond the control {points(number.beyond)}")
    notes.append("claimed" if number.claim else NO_CLAIM[number.why or "not-measured"])
    return ToldNumber(number.about, LABELS[number.about], _value(number), "; ".join(notes), bool(number.claim))


def _value(number: HeadlineNumber) -> str:
    if number.change is None or number.change.value is None:
        return "–"
    if number.about == "where":
        return f"{signed(number.change.value)}{signed_interval(number.change.low, number.change.high)}"
    return points(number.change)


def _measured(number: HeadlineNumber) -> bool:
    return number.change is not None and number.change.value is not None


def _amount(number: HeadlineNumber) -> str:
    change: Estimated | None = number.change
    if change is None or change.value is None:
        return ""
    return f" ({_value(number)})"
