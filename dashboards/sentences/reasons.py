"""Why is something not said? A reason code and its numbers as a clause that stands behind a colon."""

from __future__ import annotations

from typing import assert_never

from strata.dashboards.number_formats import count, listed, number, p_words
from strata.dashboards.sentences.places import cell_words
from strata.experiments.results.reasons import NotCounted, WhyNotLocated, WhyNotOrdered, WhyNotPlaced

COUNTS_FROM = 0.25
"""Lower end of a whole cell's effect from which on it counts."""
WITHDRAWN = "the rule by which it was said is withdrawn"
ORDER_FROM = 0.95
"""Probability from which on an order of two kinds is said; its counterpart is 1 − this."""


def why_not_placed(why: WhyNotPlaced, span: str | None = None) -> str:
    """Why a family has no place, as a clause. `span`: the replaced one, by which cells are called."""
    match why.code:
        case "withdrawn":
            return WITHDRAWN
        case "no-interventions":
            return "no intervention was made"
        case "not-answered":
            return "it isn't answered above chance"
        case "too-few-pairs":
            return f"{_had(why.pairs, 'pair')} answered on both sides{_needed(why.needed)}"
        case "too-few-entities":
            return f"{_had(why.entities, 'entity', 'entities')}{_needed(why.needed)}"
        case "no-cell-counts":
            return f"no part of the model has a sufficient effect{_strongest(why, span)}"
        case "install-undecided":
            effect = "" if why.effect is None else f" ({number(why.effect)})"
            where = "a part of the model has" if why.cell is None else f"{cell_words(why.cell, span)} has"
            return f"{where} a large effect{effect}, and too few pairs tell whether other answers' pieces would have it too"
        case "answer-not-coded":
            return "edits act, but nothing that they replace differs between prompts as the answers do"
        case "draws-disagree":
            where = "" if why.cell is None else f" ({cell_words(why.cell, span)}"
            share = "" if why.support is None or not where else f" in {number(100 * why.support, 0)} %"
            return f"other draws of its entities place it elsewhere as often{where}{share}{')' if where else ''}"
        case "role-untestable":
            couples = "" if why.couples is None else f" ({count(why.couples, 'couple')} of pairs{_needed(why.needed)})"
            return f"too few entities share an answer to tell the answer from its input{couples}"
        case _:
            assert_never(why.code)


def _had(n: int | None, one: str, many: str | None = None) -> str:
    return f"too few {many or one + 's'}" if n is None else f"only {count(n, one, many)}"


def _needed(n: int | None) -> str:
    return "" if n is None else f", {n} needed"


def _strongest(why: WhyNotPlaced, span: str | None) -> str:
    if why.cell is None or why.effect is None:
        return ""
    low = "" if why.low is None else f", lower end {number(why.low)}"
    return (
        f"; the strongest is {cell_words(why.cell, span)} with {number(why.effect)}{low}, {number(COUNTS_FROM)} needed"
    )


def why_not_located(why: WhyNotLocated) -> str:
    """Why a kind isn't located, as a clause."""
    placed, families = why.placed or 0, count(why.families or 0, "family", "families")
    match why.code:
        case "withdrawn":
            return WITHDRAWN
        case "no-interventions":
            return "no intervention was made"
        case "not-asked":
            return "no such item was asked"
        case "no-family-answered":
            return "none of its families is answered above chance"
        case "too-few-pairs":
            has = "has" if why.families == 1 else "have"
            return f"its {families} {has} too few pairs answered on both sides, or pairs of too few entities"
        case "no-role-testable":
            which = f"in none of its {families} can" if (why.families or 0) != 1 else "in its one family it can't"
            can = f"{which} it" if (why.families or 0) != 1 else which
            return f"{can} be tested what brings the answer: too few pairs, or too few entities that share an answer"
        case "too-few-placed":
            return f"{placed} of {families} whose role can be tested {'has' if placed == 1 else 'have'} a place{_needed(why.needed)}"
        case "families-disagree":
            agreed = (
                f" (none makes those of more than {placed} of {families}{_needed(why.needed)})" if why.families else ""
            )
            return f"different parts of the model make its families' answers{agreed}"
        case _:
            assert_never(why.code)


def why_not_ordered(why: WhyNotOrdered) -> str:
    """Why the order of the kinds is undetermined, as a clause."""
    match why.code:
        case "withdrawn":
            return WITHDRAWN
        case "no-interventions":
            return "no intervention was made"
        case "not-located":
            kinds = list(why.kinds) or ["one of the kinds"]
            return f"{listed(kinds)} {'is' if len(kinds) == 1 else 'are'} not located"
        case "overlap":
            with_probability = "" if why.probability is None else f" with probability {number(why.probability)}"
            return (
                f"the places overlap: knowledge answers are made below reasoning answers{with_probability}, "
                f"and {number(ORDER_FROM)} or {number(1 - ORDER_FROM)} is needed"
            )
        case "thresholds-disagree":
            return "the strict and the lax threshold for carrying the answer give different orders"
        case "labels-exchangeable":
            p = "" if why.p is None else f" ({p_words(why.p)})"
            return f"families whose kinds are exchanged at random stand apart as often{p}"
        case _:
            assert_never(why.code)


NOT_COUNTED: dict[NotCounted, str] = {
    "weak-effect": f"lower end of its effect under {number(COUNTS_FROM)}",
    "not-installed": "no more effect than a donor with a third answer",
}
"""Why a cell doesn't count."""
