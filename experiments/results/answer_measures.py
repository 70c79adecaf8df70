"""What are the measures of an answer called, and which of them decides whether an item is answered right?

The one place for these names: pages, terminal lines and tables take them from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from strata.experiments.results.table import Value

Name = Literal["by_choice", "by_likelihood", "first_token", "logit_difference", "answer_logprob"]


@dataclass(frozen=True)
class AnswerMeasure:
    """One way of asking whether, or how surely, a model gives the answer at the end of the prompt."""

    name: Name
    """Under which summary.json and comparison.json hold it."""
    label: str
    means: str
    """When it counts an item as right, or what its number is."""
    unit: str
    is_share: bool
    """A share of right items, which is told in percent and changes in points."""
    chance: str = ""
    """What is reached without knowing anything; empty where there is no such level."""
    decides: str = ""
    """How it is told beside others that decide for other items; empty where it decides for none."""


BY_CHOICE = AnswerMeasure(
    "by_choice", "accuracy by choice", "the answer is the likeliest of the item's choices", "share of items", True,
    "1 ÷ number of choices, or the share of the commonest answer where that is more", "by choice",
)  # fmt: skip
BY_LIKELIHOOD = AnswerMeasure(
    "by_likelihood", "accuracy by likelihood", "the answer is likelier than its foil", "share of items", True, "½",
    "by likelihood",
)  # fmt: skip
FIRST_TOKEN = AnswerMeasure(
    "first_token", "accuracy by first token", "the answer is the likeliest token of the whole vocabulary", "share of items",
    True, "0", "by first token",
)  # fmt: skip
LOGIT_DIFFERENCE = AnswerMeasure(
    "logit_difference", "logit difference", "how much likelier the answer is than its foil",
    "logit of answer − logit of foil", False,
)  # fmt: skip
ANSWER_LOGPROB = AnswerMeasure(
    "answer_logprob", "log-probability of the answer", "how likely the answer is at all", "nats", False
)
MEASURES: Mapping[Name, AnswerMeasure] = {
    measure.name: measure for measure in (BY_CHOICE, BY_LIKELIHOOD, FIRST_TOKEN, LOGIT_DIFFERENCE, ANSWER_LOGPROB)
}
AGREEING = (BY_CHOICE, BY_LIKELIHOOD, LOGIT_DIFFERENCE, ANSWER_LOGPROB)
"""Those that a claim about a change of the answers must agree in."""
ANSWERED_RIGHT = "answered right"
"""Of an item: the measure that decides for it counts it as right."""
DECIDING_RULE = "by choice where an item has choices, else by likelihood, else by first token"
USED = "answered right, in a family answered above chance; two-hop items with both single hops"
"""Of an item: what lens means, onsets and interventions are about."""
GENERATED = "generated answers"
"""Share of problems whose answer, read from text that the model writes, is right."""


def value_of(row: Mapping[str, Value], measure: AnswerMeasure) -> float | bool | None:
    """The number of one row of the behaviour table; None where the item has none."""
    if measure is FIRST_TOKEN:
        rank = row.get("rank")
        return None if rank is None else rank == 0
    columns = {BY_CHOICE.name: "correct_by_choice", BY_LIKELIHOOD.name: "correct_by_likelihood"}
    value = row.get(columns.get(measure.name, measure.name))
    assert not isinstance(value, str)
    return value


def deciding(row: Mapping[str, Value]) -> AnswerMeasure | None:
    """Which measure says whether this row's item is answered right; None where it wasn't asked."""
    if row.get("answered") is None:
        return None
    return next((measure for measure in (BY_CHOICE, BY_LIKELIHOOD) if value_of(row, measure) is not None), FIRST_TOKEN)


def decided_by(rows: Iterable[Mapping[str, Value]]) -> dict[Name, int]:
    """Of how many of the rows' items each measure decided."""
    return dict(Counter(measure.name for row in rows if (measure := deciding(row)) is not None))
