"""Which pairs are intervened on: as many as were asked for, over all families, the same ones in compared models."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.compare.shared_pairs import chosen, eligible
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Item, Kind
from strata.experiments.locate.causal.choose import shared_out
from strata.experiments.locate.config import LocateConfig
from strata.probes.prompts import Prompt

FAMILIES = ("sum", "order", "count")
SIZES = st.dictionaries(
    st.tuples(st.sampled_from(["knowledge", "reasoning"]), st.sampled_from("abcdefgh")), st.integers(0, 12)
)


@given(SIZES, st.integers(1, 40), st.integers(1, 4))
def test_families_take_turns_until_there_are_enough(
    sizes: dict[tuple[Kind, str], int], per_kind: int, least: int
) -> None:
    taken = shared_out(sizes, per_kind, least)
    for kind in ("knowledge", "reasoning"):
        of_kind = {family: n for family, n in taken.items() if family[0] == kind}
        assert sum(of_kind.values()) == min(per_kind, sum(sizes[family] for family in of_kind))
        assert all(n <= sizes[family] for family, n in of_kind.items())
        used = {family: n for family, n in of_kind.items() if n}
        some_left = [family for family, n in used.items() if n < sizes[family]]
        if least == 1 or len(used) <= max(1, per_kind // least):
            assert all(of_kind[family] >= max(of_kind.values()) - 1 for family in some_left)
        else:
            # More families than were to take part: only after all of these were used up.
            first = sorted(of_kind, key=lambda family: -sizes[family])[: max(1, per_kind // least)]
            assert all(of_kind[family] == sizes[family] for family in first)


def test_with_a_least_number_a_few_families_have_donors_of_their_own() -> None:
    sizes: dict[tuple[Kind, str], int] = {
        ("knowledge", name): size for name, size in zip("abcde", (9, 4, 12, 8, 1), strict=True)
    }
    assert shared_out(sizes, 10, 3) == {
        ("knowledge", "a"): 3, ("knowledge", "b"): 0, ("knowledge", "c"): 4, ("knowledge", "d"): 3, ("knowledge", "e"): 0,
    }  # fmt: skip


def test_of_two_hop_items_half_as_many_are_taken_but_enough_for_an_interval() -> None:
    sizes: dict[tuple[Kind, str], int] = {("composite", "a"): 40, ("composite", "b"): 40, ("knowledge", "c"): 40}
    for asked, expected in ((40, 20), (18, 9), (12, 8), (5, 5)):
        taken = shared_out(sizes, asked, 3)
        assert taken["composite", "a"] + taken["composite", "b"] == expected
        assert taken["knowledge", "c"] == min(40, asked)


def test_every_contrast_has_families_before_one_of_them_has_all() -> None:
    names = [("control", name) for name in "abcde"]
    sizes: dict[tuple[Kind, str], int] = dict.fromkeys(names, 9)  # type: ignore[arg-type]
    contrasts = dict(zip(sizes, ("K-C", "K-C", "K-C", "R-R0", "R-R0"), strict=True))
    taken = shared_out(sizes, 8, 3, contrasts)
    assert {family[1]: n for family, n in taken.items() if n} == {"a": 4, "d": 4}


def encoded(family: str, number: int) -> EncodedItem:
    name = f"{family}:{number}"
    item = Item(name, "reasoning", family, "", "a", " b", "c", " d", cluster=str(number))
    here, there = (Prompt(name, (1, number + step), {"last": 1}) for step in (0, 1))
    return EncodedItem(item, here, there, 1, 2, (1,), (2,), 0, True, None, None, ())


ITEMS = [encoded(family, number) for family in FAMILIES for number in range(8)]


def rows(answered: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "item": item.key,
            "kind": "reasoning",
            "answered": item.key in answered,
            "reason": None if item.key in answered else "not answered right",
        }
        for item in ITEMS
    ]


def test_base_and_distilled_get_the_same_pairs_and_the_control_those_of_them_that_it_answers() -> None:
    every = {item.key for item in ITEMS}
    base, distilled, control = every - {"sum:0"}, every - {"order:1", "order:2"}, {f"sum:{n}" for n in range(5)}
    asked = {"base": rows(base), "distilled": rows(distilled), "control": rows(control)}
    config = LocateConfig(pairs=9)
    among = eligible(ITEMS, asked, ["base", "distilled", "control"], config)
    pairs = {role: {item.key for item in chosen(ITEMS, asked[role], among[role], config).items} for role in asked}
    assert among["base"].among == among["distilled"].among == base & distilled
    assert pairs["base"] == pairs["distilled"] and len(pairs["base"]) == 9
    assert {key.partition(":")[0] for key in pairs["base"]} == set(FAMILIES)
    assert pairs["control"] == pairs["base"] & control and pairs["control"]
    donors = [chosen(ITEMS, asked[role], among[role], config).donors for role in asked]
    assert donors[0] == donors[1] == donors[2] != ()


def test_a_model_that_cannot_be_compared_takes_no_pair_away() -> None:
    every = {item.key for item in ITEMS}
    asked = {"base": rows(every), "distilled": rows(set()), "control": rows(every)}
    among = eligible(ITEMS, asked, ["base", "control"], LocateConfig(pairs=6))
    assert among["base"].among == every and set(among) == {"base", "control"} and len(among["control"].among) == 6
