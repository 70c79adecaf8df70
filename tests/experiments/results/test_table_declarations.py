"""Every table is declared once: its writers are held to it, and its description is what the declaration says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypedDict

import pyarrow as pa
import pytest

from strata.experiments.results.table import Long, Table
from strata.experiments.results.table_descriptions import OF, described
from strata.experiments.run.directory import RunDirectory

ROOT = Path(__file__).parents[3]


class RankRow(TypedDict, total=False):
    """One row
    an item."""

    item: Annotated[str, "id"]
    rank: Annotated[int | None, "0: the likeliest"]


RANKS = Table("ranks", RankRow)


def test_columns_are_what_the_row_declares() -> None:
    assert RANKS.schema == pa.schema([("item", pa.string()), ("rank", pa.int32())])
    assert RANKS.meaning == "One row an item." and RANKS.names == ("item", "rank")
    assert [(column.nullable, column.meaning) for column in RANKS.columns] == [
        (False, "id"),
        (True, "0: the likeliest"),
    ]


def test_counts_beyond_32_bits_are_declared_long() -> None:
    (column,) = Table("counts", TypedDict("Row", {"tokens": Annotated[Long, "read so far"]})).columns
    assert column.type == pa.int64()


def test_a_column_without_a_meaning_is_refused() -> None:
    with pytest.raises(TypeError, match="rank"):
        Table("ranks", TypedDict("Row", {"rank": int}))


def test_a_missing_value_is_null_and_a_column_that_is_not_declared_is_refused_in_any_row() -> None:
    table = RANKS.of_rows([{"item": "a"}, {"item": "b", "rank": 3}])
    assert table.schema == RANKS.schema and table["rank"].to_pylist() == [None, 3]
    with pytest.raises(KeyError, match="rnk"):
        RANKS.of_rows([{"item": "a", "rank": 0}, {"item": "b", "rnk": 1}])
    with pytest.raises(KeyError, match="rank"):
        RANKS.of_columns({"item": ["a"]})


def test_a_run_writes_and_reads_by_the_declaration(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path, verb="locate", command=[], identity={})
    run.write_rows(RANKS, [{"item": "a"}, {"item": "b", "rank": 3}])
    run.write_rows(RANKS, [{"item": "c", "rank": 1}], name="ranks_base")
    assert run.read_rows(RANKS) == [{"item": "a", "rank": None}, {"item": "b", "rank": 3}]
    assert run.read_rows(RANKS, name="ranks_base") == [{"item": "c", "rank": 1}]
    with pytest.raises(KeyError, match="ranks declares"):
        run.write_table(RANKS, pa.table({"item": ["a"], "rank": [0.5]}))
    with pytest.raises(KeyError, match="ranks declares"):
        RANKS.rows(pa.table({"item": ["a"]}))
    run.close("done")


def test_no_two_tables_of_a_command_share_a_name() -> None:
    for tables in OF.values():
        assert len({table.name for table in tables}) == len(tables)


def test_the_description_in_the_documents_is_current() -> None:
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == described()
