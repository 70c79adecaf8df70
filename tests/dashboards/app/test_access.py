"""A request under another name, from another origin or without the token is refused; the state in an address is checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.dashboards.app.access import access_to
from strata.dashboards.app.url_state import MOST_CHOSEN, BrowserState, state_of
from strata.probes.errors import StrataError

HERE = access_to("127.0.0.1", None)


@pytest.mark.parametrize("host", ["127.0.0.1:8050", "localhost:9000", "[::1]:8050", "localhost"])
def test_this_machine_is_called_by_its_own_names(host: str) -> None:
    assert HERE.refusal(host=host, origin=None, token=None, changes=False) is None


@pytest.mark.parametrize(
    "host", ["evil.example:8050", "127.0.0.1.evil.example", "192.168.1.5:8050", "", "localhost.evil.example:8050"]
)
def test_another_name_that_leads_here_is_refused(host: str) -> None:
    assert HERE.refusal(host=host, origin=None, token=None, changes=False) == "host"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_change_is_taken_from_its_own_pages_alone(origin: str) -> None:
    asked = {"host": "127.0.0.1:8050", "token": None}
    assert HERE.refusal(**asked, origin=origin, changes=True) == "origin"
    assert HERE.refusal(**asked, origin="http://127.0.0.1:8050", changes=True) is None


def test_beyond_this_machine_a_token_is_needed() -> None:
    access = access_to("0.0.0.0", None)
    assert access.token is not None and len(access.token) >= 24
    for token in (None, "", access.token[:-1], access.token + "x"):
        assert access.refusal(host="192.168.1.5:8050", origin=None, token=token, changes=False) == "token"
    assert access.refusal(host="192.168.1.5:8050", origin=None, token=access.token, changes=False) is None
    assert access.refusal(host="evil.example", origin=None, token=access.token, changes=False) == "host"
    with pytest.raises(StrataError, match="at least 16"):
        access_to("127.0.0.1", "short")


@given(st.text(), st.lists(st.text(min_size=1, max_size=50), max_size=MOST_CHOSEN, unique=True), st.integers(0, 9999))
def test_an_address_brings_back_what_it_was_made_of(search: str, chosen: list[str], page: int) -> None:
    text, *keys = (one.encode("utf-8", "ignore").decode() for one in (search, *chosen))
    kept = tuple(dict.fromkeys(key for key in keys if key))
    state = BrowserState(
        search=text[:200],
        command="locate",
        sort="models",
        up=True,
        page=page,
        chosen=kept,
        kind="reasoning",
        theme="dark",
    )
    assert state_of(state.hash) == state


@given(st.text())
def test_whatever_stands_in_an_address_is_a_state(text: str) -> None:
    state = state_of(f"#{text}")
    assert len(state.chosen) <= MOST_CHOSEN and state_of(state.hash) == state


def test_a_filter_begins_at_the_first_page_and_a_choice_stays() -> None:
    state = BrowserState(page=3, chosen=("a",))
    assert state_of(state.address(command="probe")).page == 0
    assert state_of(state.toggled("b")).chosen == ("a", "b") and state_of(state.toggled("b")).page == 3
    assert state_of(state.toggled("a")).chosen == ()
    many = BrowserState(chosen=tuple("abcdefgh"))
    assert state_of(many.toggled("i")).chosen == tuple("bcdefghi")
