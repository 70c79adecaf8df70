"""Fields of a mapping: every value of a nested row can be named, and text around fields stays as it was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.importing.paths import (
    AbsentError,
    Field,
    TemplateError,
    fields_of,
    look_up,
    parse_template,
)

KEYS = st.text("abcdefgh_ é", min_size=1, max_size=5)
ANY_KEYS = st.text("ab.[]0", min_size=1, max_size=5)
LEAVES = st.one_of(st.integers(), st.text("xyz", min_size=1), st.booleans(), st.none())


def trees(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    )


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every value below, by its path: keys behind dots, places in brackets. Written apart from the code it checks."""
    entries = [(path, value)] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            entries += leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            entries += leaves(inner, f"{path}[{place}]")
    return entries


@given(st.dictionaries(KEYS, trees(KEYS), min_size=1))
def test_every_value_of_a_row_is_found_by_its_path_in_either_spelling(row: dict[str, Any]) -> None:
    for path, value in leaves(row):
        assert look_up(row, path) == value
        assert look_up(row, path.replace("[", ".").replace("]", "")) == value


@given(st.dictionaries(KEYS, trees(KEYS), min_size=1))
def test_a_text_that_writes_a_list_or_an_object_is_entered_like_one(row: dict[str, Any]) -> None:
    cells = {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in row.items()}
    literals = {key: repr(value) if isinstance(value, list | dict) else value for key, value in row.items()}
    for path, value in leaves(row):
        if path not in row:
            assert look_up(cells, path) == value and look_up(literals, path) == value


@given(st.dictionaries(ANY_KEYS, trees(ANY_KEYS), min_size=1))
def test_keys_with_dots_and_brackets_can_be_named_as_they_are_written(row: dict[str, Any]) -> None:
    for key, value in row.items():
        assert look_up(row, key) == value
    for path, _ in leaves(row):
        look_up(row, path)  # Two keys may share a spelling, but never is nothing found.


@given(st.text("ab{}\n ", max_size=12))
def test_braces_written_twice_are_braces_and_a_lone_one_is_refused(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert "".join(part for part in parse_template(doubled) if isinstance(part, str)) == text
    assert fields_of(parse_template(doubled)) == ()
    with pytest.raises(TemplateError):
        parse_template(doubled + "{")
    with pytest.raises(TemplateError):
        parse_template(doubled + "{ }")


@given(st.lists(st.text("ab \n", min_size=1, max_size=4) | st.builds(Field, KEYS.map(str.strip).filter(bool))))
def test_a_template_is_its_texts_and_fields_in_their_order(parts: list[str | Field]) -> None:
    text = "".join(f"{{{part.path}}}" if isinstance(part, Field) else part for part in parts)
    read = parse_template(text)
    assert "".join(f"{{{part.path}}}" if isinstance(part, Field) else part for part in read) == text
    assert fields_of(read) == tuple(part.path for part in parts if isinstance(part, Field))


@pytest.mark.parametrize("path", ["b", "a.b", "a[2]", "a[-1]", "a[x]", "a.", "a[0][0]", "c.0", "d[0]", "e[0]", "f[0]"])
def test_what_isnt_there_isnt_found(path: str) -> None:
    row = {"a": [1, 2], "c": "Paris", "d": "['Paris' 'Rome']", "e": "[1, ", "f": '{"a": 1, "a": 2}'}
    with pytest.raises(AbsentError):
        look_up(row, path)
