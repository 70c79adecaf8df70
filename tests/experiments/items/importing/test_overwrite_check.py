"""Writing the items never overwrites the table or the mapping they are made from, under whatever name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strata.experiments.items.importing import parse_mapping, read_mapping, refuse_overwriting
from strata.experiments.items.importing.rows import source_files
from strata.probes.errors import StrataError

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
    ("pattern", "out", "selected"),
    [
        ("**/*.csv", "tables/new.csv", True),
        ("**/*.csv", "tables/deep/new.csv", True),
        ("**/*.csv", "tables/deep/er/new.csv", True),
        ("**/*.csv", "tables/new.jsonl", False),
        ("*/*.csv", "tables/deep/new.csv", True),
        ("*/*.csv", "tables/new.csv", False),
        ("*.csv", "tables/deep/new.csv", False),
        ("deep/n?w.csv", "tables/deep/new.csv", True),
        ("deep/**/*.csv", "tables/deep/new.csv", True),
        ("linked/*.csv", "other/new.csv", True),
        ("*.csv", "other/new.csv", False),
    ],
)
def test_the_output_is_refused_exactly_where_the_next_import_would_read_it(
    folder: Path, pattern: str, out: str, selected: bool
) -> None:
    (folder / "tables/deep").mkdir()
    (folder / "other").mkdir()
    (folder / "tables/linked").symlink_to(folder / "other")
    for name in ("tables/deep/x.csv", "other/x.csv", "tables/x.csv"):
        (folder / name).write_text("question,answer\nFrance?,Paris\n")
    mapping = parse_mapping(MAPPING + f'[rows]\nfiles = "{pattern}"', "mapping.toml")
    try:
        refuse_overwriting(out, "tables", mapping)
        refused = False
    except StrataError as error:
        refused = "would be one of the files" in str(error)
    target = folder / out
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("")
    assert (
        refused == selected == (target.resolve() in {file.resolve() for file in source_files("tables", mapping.rows)})
    )


def test_a_folder_is_no_output(folder: Path) -> None:
    with pytest.raises(StrataError, match=r"--out tables is a directory\. Name a file, such as tables/items\.jsonl"):
        refuse_overwriting("tables", "table.csv", parse_mapping(MAPPING))


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
