"""Whatever stands in a file of somebody else's, reading it ends: with what it says, or with one sentence that names the file."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.foreign_files import (
    MOST_LEVELS,
    UnreadableError,
    file_bytes,
    parse_json,
    parse_toml,
    read_json,
    read_json_object,
    refuse_irregular,
)

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_a_whole_file_says_is_what_was_written(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


@settings(max_examples=100)
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.mktemp("any") / "x.json"
    file.write_bytes(content)
    try:
        read_json(file, "Mend it")
    except StrataError as error:
        assert str(file) in str(error) and "\n" not in str(error) and error.remedy


@settings(max_examples=80)
@given(st.text())
def test_any_text_is_toml_or_refused(text: str) -> None:
    try:
        parse_toml(text)
    except UnreadableError as error:
        assert error.reason


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("[" * 100_000, "levels"),
        ('{"a":' * 100_000, "levels"),
        ("[" * (MOST_LEVELS + 2) + "]" * (MOST_LEVELS + 2), "levels"),
        ("1" * 5000, "number"),
        ('{"a": [1e999]}', "number"),
        ('{"a": NaN}', "number"),
        ('{"a": -Infinity}', "number"),
        (r'{"a": "\ud800"}', "surrogate"),
        (r'{"\udfff": 1}', "surrogate"),
        ("", "syntax"),
        ("{'a': 1}", "syntax"),
    ],
)
def test_what_fails_later_is_refused_at_once(text: str, trouble: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        parse_json(text)
    assert refused.value.trouble == trouble


def test_the_place_of_a_number_is_named() -> None:
    with pytest.raises(UnreadableError, match=r"rope\.0\.theta is no finite number"):
        parse_json('{"rope": [{"theta": 1e999}]}')


def test_an_infinity_that_published_models_have_is_read() -> None:
    assert parse_json('{"time_step_limit": [0.0, Infinity]}') == {"time_step_limit": [0.0, math.inf]}


def test_rows_keep_what_spoils_only_them() -> None:
    assert math.isnan(parse_json('[{"a": NaN}]', rows=True)[0]["a"])
    with pytest.raises(UnreadableError):
        parse_json("[" * 100_000, rows=True)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = inf", "a = nan", "a = 1\na = 2", "\0"])
def test_toml_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        parse_toml(text)


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "directory"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.json"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "device":
        file = Path("/dev/zero")
    elif kind == "link to a device":
        file.symlink_to("/dev/zero")
    else:
        file.mkdir()
    for read in (file_bytes, refuse_irregular):
        with pytest.raises(StrataError, match=r"is (a pipe or a device|a directory), not a file"):
            read(file)


@pytest.mark.parametrize("name", ["absent", "a" * 300, "a\0b"])
def test_what_is_not_there_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedError, match="could not be read"):
        file_bytes(tmp_path / name, error=DamagedError)


def test_an_object_must_be_one(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("[1]")
    with pytest.raises(StrataError, match="does not hold a JSON object"):
        read_json_object(file, "Mend it")
