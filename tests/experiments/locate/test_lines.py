"""Which positions and lines a run of interventions has."""

from __future__ import annotations

from strata.experiments.locate.causal.lines import spans_of
from strata.probes.causal.pairs import Pair
from strata.probes.prompts import Prompt


def pair(key: str, first_difference: int, length: int = 8, **positions: int) -> Pair:
    ids = list(range(length))
    other = [token + 100 if index == first_difference else token for index, token in enumerate(ids)]
    places = {**positions, "last": length - 1}
    return Pair(key, Prompt(key, tuple(ids), places), Prompt(key, tuple(other), places), 1, 2, "family")


def test_spans_come_in_prompt_order_and_none_before_the_first_difference() -> None:
    assert spans_of([pair("a", 3, query=5, operand=3, subject=1)]) == ("operand", "query")
    assert spans_of([pair("a", 3, query=7, operand=4)]) == ("operand",)


def test_a_second_name_for_the_same_tokens_is_excluded() -> None:
    both = [pair("a", 2, operand=2, operand_a=2, operand_b=4), pair("b", 2, 9, operand=3, operand_a=3, operand_b=5)]
    assert spans_of(both) == ("operand", "operand_b")


def test_a_second_name_stays_where_it_differs_in_one_pair() -> None:
    assert spans_of([pair("a", 2, operand=2, query=2), pair("b", 2, operand=2, query=4)]) == ("operand", "query")
