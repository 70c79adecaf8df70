"""What a person writes for CHECKPOINT is understood, or refused in one sentence, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.probes.checkpoints.short_names import KNOWN
from strata.probes.checkpoints.spec import Spec, parse_spec
from strata.probes.errors import StrataError

part = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True).filter(lambda text: not text.endswith(".gguf"))


@given(part, part, st.none() | part, st.lists(part, max_size=3))
def test_every_part_of_a_hub_spec_is_found_again(
    org: str, name: str, revision: str | None, adapters: list[str]
) -> None:
    text = "+".join([f"{org}/{name}" + (f"@{revision}" if revision else ""), *adapters])
    assert parse_spec(text) == Spec(text, f"{org}/{name}", "hub", revision, tuple(adapters))


@given(st.text(max_size=400))
def test_any_text_is_understood_or_refused_in_one_sentence(text: str) -> None:
    try:
        assert parse_spec(text).text == text
    except StrataError as error:
        assert error.what


def test_a_name_longer_than_the_file_system_allows_is_refused() -> None:
    with pytest.raises(StrataError):
        parse_spec("x" * 5000)


def test_the_embedded_model_goes_by_its_name() -> None:
    assert parse_spec("smollm2") == Spec("smollm2", "smollm2", "embedded")
    assert parse_spec("smollm2+think").adapters == ("think",)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_known_names_stand_for_hub_ids(name: str) -> None:
    assert parse_spec(name).source == "hub"
    assert parse_spec(name.upper()).base == KNOWN[name]


def test_a_path_that_exists_is_taken_whole(tmp_path: Path) -> None:
    odd = tmp_path / "a+b@c"
    odd.mkdir()
    assert parse_spec(str(odd)) == Spec(str(odd), str(odd), "directory")
    assert parse_spec(f"{odd}+lora").adapters == ("lora",)
    file = tmp_path / "model.gguf"
    file.touch()
    assert parse_spec(str(file)).source == "gguf"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("smollm2+", "empty part"),
        ("+think", "empty part"),
        ("./nowhere", "no file or directory"),
        ("nowhere.gguf", "no file or directory"),
        ("a/b/c", "no file or directory"),
        ("org/na me", "neither"),
        ("gpt5", "no checkpoint 'gpt5'"),
    ],
)
def test_what_is_no_checkpoint_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(StrataError, match=reason):
        parse_spec(text)


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(StrataError, match=r"not a \.gguf"):
        parse_spec(str(file))


def test_a_directory_named_like_the_embedded_model_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "smollm2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_spec("smollm2").source == "embedded"
    assert parse_spec("./smollm2").source == "directory"
