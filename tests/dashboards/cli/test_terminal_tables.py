"""Is every cell of a table there, whole, at every width of the terminal, and no line longer than it?"""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from strata.dashboards.cli.main import main
from strata.dashboards.cli.terminal_tables import Column, fitting_from_the_end, print_matrix, print_table
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import Item

WIDTHS = (40, 60, 80, 200)
COLUMNS = [Column("family"), *(Column(name, "right") for name in ("n", "scored", "aligned")), Column("tokens")]
ROWS = [
    ("relation_chain", "96", "95", "100%", "19–79 (74)"),
    ("drug_class_stated", "8", "8", "88%", "40–80 (52.5)"),
    ("東京の家族", "1", "0", "0%", "–"),
]


def printed(width: int, call: object, *arguments: object) -> list[str]:
    out = io.StringIO()
    call(Console(file=out, width=width, highlight=False), *arguments)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_cell_and_no_name_of_a_column_is_lost(width: int) -> None:
    lines = printed(width, print_table, "form by family", COLUMNS, ROWS)
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert "…" not in text and all(cell in text for row in ROWS for cell in row)
    assert all(column.name in text for column in COLUMNS[1:])


def test_a_table_that_fits_stays_one_line_a_row() -> None:
    for width in (60, 80):
        assert len(printed(width, print_table, "title", COLUMNS, ROWS)) == 3 + len(ROWS)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_matrix_comes_in_parts_that_each_name_their_rows(width: int) -> None:
    columns = [Column(name, "right") for name in ("block", "q", "k", "v", "o", "gate", "up", "down", "norms")]
    rows = [(f"{block}", *(f"{block}.{n:03d}" for n in range(8))) for block in range(10, 13)]
    lines = printed(width, print_matrix, "by block", columns, rows)
    assert max(map(cell_len, lines)) <= width
    for block, *cells in rows:
        of_block = " ".join(line for line in lines if re.match(rf" *{block} ", line))
        assert all(cell in of_block for cell in cells)


def test_as_many_columns_from_the_end_as_fit_and_one_at_least() -> None:
    columns, rows = [Column("aaaa"), Column("bbbb"), Column("cccc")], [["1", "2", "3"]]
    fixed, ends = [Column("stream")], [["30"]]
    shown = [fitting_from_the_end(Console(width=width), fixed, columns, rows, ends) for width in (10, 12, 18, 24, 80)]
    assert shown == [1, 1, 2, 3, 3]


@pytest.mark.model
@pytest.mark.parametrize("width", [60, 80, 200])
def test_lens_keeps_the_stream_and_the_rank_of_the_answer(
    width: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    command = ["lens", "smollm2", "The capital of France is a city called", "--answer", " Paris", "--streams", "4"]
    assert main([*command, "--display", "none"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert max(map(cell_len, lines)) <= width
    (head,) = (line for line in lines if line.startswith("stream "))
    assert head.rstrip().endswith("answer rank") and "␣called" in head
    body = lines[lines.index(head) + 2 :]
    assert [line.split()[0] for line in body] == ["30", "20", "10", "0"]
    ranks = [int(line.split()[-1].replace(",", "")) for line in body]
    assert ranks[0] == 0 < ranks[-1], "the model says Paris, its embedding does not"
    fewer = re.search(r"the last (\d) of\s+8 tokens", " ".join(lines))
    assert (fewer is None) == (width == 200)


@pytest.mark.model
@pytest.mark.parametrize("width", [60, 80])
def test_items_check_can_be_read(
    width: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    items = [
        Item(
            id=f"{number}", kind="knowledge", family="capital_of_a_country", domain="geography", prompt=f"Country {number} has the capital",
            answer=f" city {number}", foil_prompt=f"Country {9 - number} has the capital", foil=f" city {9 - number}",
            cluster=str(number), template="plain",
        )
        for number in range(8)
    ]  # fmt: skip
    file = f"{tmp_path}/items.jsonl"
    write_items(file, items)
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["items", "check", file, "--display", "none"]) == 0
    out = capfd.readouterr().out
    assert "…" not in out and all(cell_len(line) <= width for line in out.splitlines())
    for words in ("capital_of_a_country", "knowledge", "scored", "aligned", "tokens", "answers", "collisions"):
        assert words in out
