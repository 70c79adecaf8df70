"""Round robin: nothing is lost, orders are kept, and the first few cover as many groups as there are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.round_robin import round_robin

MEMBERS = st.lists(st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.integers(0, 5))))


def group(member: tuple[str, int | None]) -> str:
    return member[0]


def test_one_of_every_group_in_turn() -> None:
    assert round_robin(["a1", "a2", "b1", "a3", "c1", "b2"], lambda it: it[0]) == ["a1", "b1", "c1", "a2", "b2", "a3"]


@given(MEMBERS)
def test_every_group_keeps_its_members_in_their_order(members: list[tuple[str, int | None]]) -> None:
    taken = round_robin(members, group)
    for name in "abcd":
        assert [it for it in taken if it[0] == name] == [it for it in members if it[0] == name]


@given(MEMBERS, st.integers(0, 20))
def test_the_first_few_cover_as_many_groups_as_they_can(members: list[tuple[str, int | None]], few: int) -> None:
    groups = {group(it) for it in members}
    assert len({group(it) for it in round_robin(members, group)[:few]}) == min(few, len(groups))
