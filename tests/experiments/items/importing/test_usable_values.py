"""Only text, finite numbers and truth values fill a field, as a reader of the table would write them."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text, written

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.dates()
    | st.decimals()
    | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
)


@given(ANYTHING)
def test_a_field_is_only_ever_filled_by_text_finite_numbers_or_truth_values(value: Any) -> None:
    try:
        text = plain_text(value, "field")
    except UnusableRowError:
        return
    assert isinstance(value, str | bool | int | float | Decimal)
    assert text == text.strip() != ""
    text.encode()
    if isinstance(value, str):
        assert text == value.strip()
    elif isinstance(value, bool):
        assert text == ("True" if value else "False")
    else:
        assert math.isfinite(value) if isinstance(value, float) else True
        assert (Decimal(text) if isinstance(value, Decimal) else type(value)(text)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" Paris ", "Paris"), ("nan", "nan"), ("None", "None"), ("null", "null"), ("N/A", "N/A"), ("[1, 2]", "[1, 2]"),
        (3.0, "3"), (3.5, "3.5"), (0.1, "0.1"), (-0.0, "0"), (1e22, "1e+22"), (2.0**53, "9007199254740992.0"),
        (10**30, "1" + "0" * 30), (True, "True"), (Decimal("3.00"), "3"), (Decimal("3.50"), "3.50"),
    ],
)  # fmt: skip
def test_how_values_are_written(value: Any, text: str) -> None:
    assert plain_text(value, "field") == text


@pytest.mark.parametrize(
    ("value", "reason", "hint"),
    [
        (None, "the row has nothing in 'a'", ""),
        (math.nan, "the row has nothing in 'a'", ""),
        (Decimal("NaN"), "the row has nothing in 'a'", ""),
        ("", "the row has nothing in 'a'", ""),
        (" \n", "the row has nothing in 'a'", ""),
        (math.inf, "'a' holds a number that isn't finite", ""),
        (["Paris"], "'a' holds a list", "write {a[0]} for its first entry"),
        ([], "'a' holds a list", "write {a[0]} for its first entry"),
        ({"value": "Paris"}, "'a' holds an object", "write {a.value} for one of its values"),
        (b"Paris", "'a' holds a bytes, neither text nor a number nor true or false", ""),
        (date(2020, 1, 2), "'a' holds a date, neither text nor a number nor true or false", ""),
        ("\ud83d", "'a' holds half a surrogate pair", ""),
    ],
)
def test_what_fills_nothing_says_why(value: Any, reason: str, hint: str) -> None:
    with pytest.raises(UnusableRowError) as caught:
        plain_text(value, "a")
    assert (str(caught.value), caught.value.hint) == (reason, hint)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["a", "b"]', ["a", "b"]), ("['a', \"b's\"]", ["a", "b's"]), ("('a', 'b')", ("a", "b")), (" [1, null] ", [1, None]),
        ('{"A": "x"}', {"A": "x"}), ("{1: 'x'}", {1: "x"}), ("[]", []),
        # numpy leaves out the commas, and Python would join the two.
        ("['a' 'b']", None), ("['a'\n 'b']", None), ("[1, 2", None), ("Paris", None), ("12", None), ("", None), ("(a)", None),
        ("[" * 100_000, None),
    ],
)  # fmt: skip
def test_which_texts_write_a_list_or_an_object(text: str, value: Any) -> None:
    assert written(text) == value
