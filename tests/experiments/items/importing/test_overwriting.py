"""Writing the items never overwrites the table or the mapping they are made from, under whatever name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.items.importing import parse_mapping, read_mapping, refuse_overwriting
from probes.errors import StrataError

MAPPING = '[item]\nprompt = "{question}"\nanswer = "{answer}"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tables").mkdir()
    for name in ("table.csv", "mapping.toml", "tables/a.csv", "tables/notes.txt"):
        (tmp_path / name).write_text("question,answer\nFrance?,Paris\n")
    (tmp_path / "link.csv").symlink_to("table.csv")
    os.link(tmp_path / "table.csv", tmp_path / "hard.csv")
    (tmp_path / "elsewhere").symlink_to("tables")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("out", "source", "expected"),
    [
        ("table.csv", "table.csv", "is the table itself"),
        ("./tables/../table.csv", "table.csv", "is the table itself"),
        ("link.csv", "table.csv", "is the table itself"),
        ("table.csv", "link.csv", "is the table itself"),
        ("hard.csv", "table.csv", "is the table itself"),
        ("mapping.toml", "table.csv", "is the mapping itself"),
        ("tables/a.csv", "tables", "would be one of the files that tables is read from"),
        ("tables/new.csv", "tables", "would be one of the files that tables is read from"),
        ("elsewhere/new.csv", "tables", "would be one of the files that tables is read from"),
        ("tables/new.csv", "elsewhere", "would be one of the files that elsewhere is read from"),
    ],
)
def test_the_table_and_the_mapping_are_refused_as_output(folder: Path, out: str, source: str, expected: str) -> None:
    mapping = parse_mapping(MAPPING + '[rows]\nfiles = "*.csv"', "mapping.toml")
    with pytest.raises(StrataError) as caught:
        refuse_overwriting(out, source, mapping)
    assert expected in str(caught.value) and str(caught.value).startswith(f"--out {out} ")


@pytest.mark.parametrize(
    ("out", "source"), [("new.jsonl", "table.csv"), ("tables/new.jsonl", "tables"), ("x.jsonl", "hub/set")]
)
def test_other_files_may_be_written(folder: Path, out: str, source: str) -> None:
    refuse_overwriting(out, source, parse_mapping(MAPPING + '[rows]\nfiles = "*.csv"', "mapping.toml"))


def test_the_name_of_a_mapping_that_comes_along_is_no_file(folder: Path) -> None:
    refuse_overwriting("gsm8k", "table.csv", read_mapping("gsm8k"))


def test_nothing_is_written_into_a_saved_data_set(folder: Path) -> None:
    with pytest.raises(StrataError, match="would be one of the files"):
        refuse_overwriting("tables/new.jsonl", "tables", parse_mapping(MAPPING))
