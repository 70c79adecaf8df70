"""`strata items import` as a person meets it: what was excluded is counted, and refusals are one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strata.dashboards.cli.main import main

MAPPING = '[item]\nprompt = "Question: {question}\\nAnswer:"\nanswer = "{answer}"\nkind = "knowledge"\nfamily = "t"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mapping.toml").write_text(MAPPING)
    return tmp_path


def imported(table: str, out: str = "items.jsonl", *options: str) -> int:
    return main(["items", "import", table, "--mapping", "mapping.toml", "--out", out, *options])


def test_every_row_is_an_item_or_counted_with_its_reason(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [("France?", "Paris"), ("Italy?", "Rome"), ("Cuba?", float("nan")), ("Peru?", ["Lima"]), (None, "Oslo")]
    Path("t.jsonl").write_text("\n".join(json.dumps({"question": q, "answer": a}) for q, a in rows))
    assert imported("t.jsonl") == 0
    assert capfd.readouterr().out == (
        "2 items (2 with a minimal pair) from 5 rows in items.jsonl\n"
        "       2 knowledge t\n"
        "       1 excluded: the row has nothing in 'answer'\n"
        "       1 excluded: 'answer' holds a list (write {answer[0]} for its first entry)\n"
        "       1 excluded: the row has nothing in 'question'\n"
    )
    assert imported("t.jsonl", "items.jsonl", "--json") == 0
    result = json.loads(capfd.readouterr().out)
    assert result["rows"] == result["items"] + sum(result["excluded"].values()) == 5


def test_items_without_a_foil_are_kept_and_said_apart(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("question,answer\nFrance?,Paris\nItaly?,Paris\n")
    assert imported("t.csv") == 0
    assert capfd.readouterr().out.endswith(
        "       2 without a foil: no other row of the family and template has another answer\n"
    )


def test_what_a_limit_draws_from_is_said(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("question,answer\n" + "".join(f"{n}?,{'abcdefgh'[n]}\n" for n in range(8)))
    assert imported("t.csv", "items.jsonl", "--limit", "3") == 0
    assert capfd.readouterr().out.startswith("3 items (3 with a minimal pair, drawn from 8) from 8 rows")


@pytest.mark.parametrize("answer", [["Paris"], {"value": "Paris"}, None, float("nan"), ""])
def test_a_table_that_gives_no_item_is_one_sentence_and_no_file(
    folder: Path, capfd: pytest.CaptureFixture[str], answer: object
) -> None:
    Path("t.jsonl").write_text(json.dumps({"question": "France?", "answer": answer}))
    assert imported("t.jsonl") == 2
    shown = capfd.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("strata: mapping.toml makes no items of the 1 rows of t.jsonl: ")
    assert not Path("items.jsonl").exists()


@pytest.mark.parametrize("out", ["t.csv", "./t.csv", "link.csv", "mapping.toml"])
def test_the_table_and_the_mapping_are_never_overwritten(
    folder: Path, capfd: pytest.CaptureFixture[str], out: str
) -> None:
    content = "question,answer\nFrance?,Paris\nItaly?,Rome\n"
    Path("t.csv").write_text(content)
    Path("link.csv").symlink_to("t.csv")
    assert imported("t.csv", out) == 2
    assert capfd.readouterr().err.startswith(f"strata: --out {out} is the ")
    assert Path("t.csv").read_text() == content and Path("mapping.toml").read_text() == MAPPING


def test_a_mapping_whose_prompt_names_no_field_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("question,answer\nFrance?,Paris\n")
    for prompt, expected in (("{{question}}", "names no field"), ("{question", "holds a { that opens no field")):
        Path("mapping.toml").write_text(f'[item]\nprompt = "{prompt}"\nanswer = "{{answer}}"\n')
        assert imported("t.csv") == 2
        shown = capfd.readouterr().err
        assert expected in shown and shown.startswith("strata: mapping.toml: [item] prompt ")


def test_imported_items_can_be_looked_at_and_are_not_overwritten_by_it(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("t.jsonl").write_text(json.dumps({"q": "Which?", "o": {"B": "two", "A": "one"}, "k": "B"}))
    Path("mapping.toml").write_text('[item]\nprompt = "{q}"\nfamily = "t"\n[choices]\nfield = "o"\ncorrect = "k"\n')
    assert imported("t.jsonl") == 0
    capfd.readouterr()
    assert main(["items", "show", "items.jsonl"]) == 0
    assert capfd.readouterr().out == (
        't-00000  (knowledge, t, 1 hop)\n  asked  "Which?" → " two"\n  foil   " one"\n  among  " one", " two"\n'
    )
    assert main(["items", "show", "items.jsonl", "--out", "./items.jsonl"]) == 2
    assert "is the item file itself" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "is a directory, not a file"), (b"\xff\xfe\x00", "is not UTF-8"), (b"\xef\xbb\xbf[item]\n", "no prompt")],
)
def test_a_mapping_that_cant_be_read_is_one_sentence(
    folder: Path, capfd: pytest.CaptureFixture[str], content: bytes | None, expected: str
) -> None:
    Path("t.csv").write_text("question,answer\nFrance?,Paris\n")
    Path("mapping.toml").unlink()
    if content is None:
        Path("mapping.toml").mkdir()
    else:
        Path("mapping.toml").write_bytes(content)
    assert imported("t.csv") == 2
    shown = capfd.readouterr().err
    assert expected in shown and shown.count("\n") == 1
