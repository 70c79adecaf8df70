"""Columns with numbers in their names are counted by these, in whatever order the mapping lists them."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from strata.experiments.items.importing import import_items, parse_mapping
from strata.experiments.items.importing.column_numbers import number_order, told_apart
from strata.probes.errors import StrataError

COLUMNS = '[item]\nprompt = "{q}"\n[choices]\ncolumns = %s\ncorrect = "key"\n'


def answers(tmp_path: Path, names: list[str], listed: list[str], keys: list[str]) -> list[str]:
    rows = [{"q": f"Question {key}", **{name: f"text of {name}" for name in names}, "key": key} for key in keys]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    imported = import_items(path, parse_mapping(COLUMNS % json.dumps(listed), "my.toml"))
    assert imported.items[0].choices == tuple(f" text of {name}" for name in listed)
    return [item.answer.removeprefix(" text of ") for item in imported]


@pytest.mark.parametrize("form", ["o{}", "{}", "choice_{}_text", "{}o"])
def test_the_order_of_numbered_columns_in_the_mapping_changes_no_answer(tmp_path: Path, form: str) -> None:
    names = [form.format(number) for number in (1, 2, 3)]
    for listed in permutations(names):
        assert answers(tmp_path, names, list(listed), ["1", "3", "2"]) == [names[0], names[2], names[1]]
        assert answers(tmp_path, names, list(listed), ["0", "1", "2"]) == names
        assert answers(tmp_path, names, list(listed), ["B", "A"]) == [names[1], names[0]]


def test_numbers_that_dont_count_on_from_0_or_1_are_labels(tmp_path: Path) -> None:
    names = ["o2", "o3", "o4"]
    assert answers(tmp_path, names, names, ["3", "2"]) == ["o3", "o2"]
    names = [f"o{number}" for number in range(1, 12)]
    assert answers(tmp_path, names, names[::-1], ["10", "11", "1"]) == ["o10", "o11", "o1"]


def test_a_number_that_may_count_from_0_or_1_is_still_refused(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="Write first = 0 or first = 1"):
        answers(tmp_path, ["o1", "o2", "o3"], ["o3", "o1", "o2"], ["1"])


@pytest.mark.parametrize(
    ("columns", "short", "order"),
    [
        (["o3", "o1", "o2"], ("3", "1", "2"), (1, 2, 0)),
        (["o10", "o11"], ("10", "11"), ()),
        (["o11", "o21"], ("11", "21"), ()),
        (["c1x", "c0x"], ("1", "0"), (1, 0)),
        (["opb", "opa"], ("b", "a"), ()),
        (["a", "ab"], (), ()),
        (["one"], (), ()),
    ],
)
def test_what_tells_columns_apart_is_whole_numbers(
    columns: list[str], short: tuple[str, ...], order: tuple[int, ...]
) -> None:
    assert told_apart(columns) == short and number_order(columns) == order
