"""`strata items split` as a person meets it: two tables, what they mean, one JSON object, items by kind, refusals in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_questions import by_length, by_word, made_rows, write_rows

from strata.dashboards.cli.main import main
from strata.experiments.items.jsonl import read_items
from strata.experiments.results.item_split import ItemSplit

QUICK = ("--repeats", "1", "--split-draws", "200")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def items(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    named = {"kind": "knowledge", "family": "exam", "answer": " a", "foil": " b"}
    return [{**row, **named, "prompt": row["question"]} for row in rows]


def test_a_length_split_is_called_one(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_rows(Path("q.jsonl"), made_rows(by_length, 80))
    assert main(["items", "split", "q.jsonl", *QUICK]) == 0
    shown = capfd.readouterr().out
    for words in ("majority", "form alone", "form and tfidf", "AUC within quartiles of length"):
        assert words in shown
    assert "This split is a length split" in shown and "Corrected share" in shown


def test_items_are_written_by_kind_and_read_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = made_rows(by_word, 80, labels=50)
    write_rows(Path("q.jsonl"), items(rows))
    assert main(["items", "split", "q.jsonl", *QUICK, "--out", "by-kind.jsonl", "--json", "--outcome", "correct"]) == 0
    found = ItemSplit.model_validate(json.loads(capfd.readouterr().out))
    written = read_items("by-kind.jsonl")
    assert found.written == len(written) == 80 and found.gap is not None
    for row, item in zip(rows, written, strict=True):
        assert item.family == f"exam-{item.kind}" and item.extra["split_labelled"] is ("label" in row)
    right = [
        (item.kind == "reasoning") == str(row["question"]).endswith("k")
        for row, item in zip(rows, written, strict=True)
    ]
    assert all(right[:50]) and sum(right[50:]) > 15
    assert all((item.extra["split_probability"] >= 0.5) == (item.kind == "reasoning") for item in written[50:])
    assert main(["items", "split", "q.jsonl", "--out", "q.jsonl"]) == 2
    assert "is a file that is read" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "takes one table"),
        (("absent.jsonl",), "There is no file absent.jsonl"),
        (("few.jsonl",), "has 12 labelled questions"),
        (("q.jsonl", "--split-draws", "3"), "--split-draws is 3"),
        (("q.jsonl", "--encoder", "absent/dir/"), "absent/dir/"),
        (("q.jsonl", "--out", "items.jsonl", *QUICK), "is no item"),
    ],
)
def test_what_cant_be_split_is_one_sentence(
    folder: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    write_rows(Path("few.jsonl"), made_rows(by_word, 12))
    write_rows(Path("q.jsonl"), made_rows(by_word, 40))
    assert main(["items", "split", *arguments, "--display", "none"]) == 2
    shown = capfd.readouterr()
    assert expected in shown.err and shown.err.count("\n") == 1 and shown.out == ""
    assert not Path("items.jsonl").exists()
