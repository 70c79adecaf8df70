"""Which pairs are intervened on first in compared models: those that base and distilled model answer, in the control too."""

from __future__ import annotations

from typing import Any

from strata.experiments.compare.eligible_pairs import eligible

ITEMS = [f"{family}:{number}" for family in ("sum", "order") for number in range(4)]


def rows(answered: set[str], **reasons: str) -> list[dict[str, Any]]:
    return [
        {"item": item, "answered": item in answered, "reason": reasons.get(item.replace(":", "_"))} for item in ITEMS
    ]


def test_the_same_items_are_eligible_everywhere_and_the_control_takes_none_away() -> None:
    every = set(ITEMS)
    base, distilled = every - {"sum:0"}, every - {"order:1", "order:2"}
    asked = {"base": rows(base), "distilled": rows(distilled), "control": rows({"sum:1"})}
    first = eligible(asked, ["base", "distilled", "control"])
    assert first == dict.fromkeys(("base", "distilled", "control"), frozenset(base & distilled))


def test_a_model_that_cannot_be_compared_takes_no_item_away_and_gets_none() -> None:
    asked = {"base": rows(set(ITEMS)), "distilled": rows(set()), "control": rows(set(ITEMS))}
    assert eligible(asked, ["base", "control"]) == dict.fromkeys(("base", "control"), frozenset(ITEMS))


def test_an_item_that_something_else_speaks_against_is_not_eligible() -> None:
    lucky = rows(set(ITEMS), sum_3="its family is not answered above chance")
    first = eligible({"base": lucky, "distilled": rows(set(ITEMS))}, ["base", "distilled"])
    assert first["distilled"] == frozenset(ITEMS) - {"sum:3"}
