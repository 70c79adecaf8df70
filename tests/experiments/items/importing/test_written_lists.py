"""A cell that writes a list or an object becomes nobody's prompt, answer or option as it stands, unless the mapping says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strata.experiments.items.importing import Imported, import_items, parse_mapping
from strata.experiments.items.importing.usable_values import prints
from strata.probes.errors import StrataError

PLAIN = '[item]\nprompt = "{q}"\nanswer = "{a}"\n'
LIST = "'a' holds a list (write {a[0]} for its first entry, or text = [\"a\"] in [rows] to take it as it stands)"
SQUAD = "{'text': array(['Paris'], dtype=object), 'answer_start': array([515], dtype=int32)}"


def made(tmp_path: Path, cells: list[Any], mapping: str = PLAIN) -> Imported:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps({"q": f"Question {n}", "a": cell}) for n, cell in enumerate(cells)))
    return import_items(path, parse_mapping(mapping, "my.toml"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('["Paris"]', "a list"), ("['Paris']", "a list"), ("('a', 'b')", "a list"), ("[1, 2]", "a list"), ("[]", "a list"),
        ("['Paris' 'Rome']", "a list"), ("['Paris'\n 'Rome']", "a list"), ("['Paris', nan]", "a list"),
        ("array(['Paris'], dtype=object)", "a list"), (SQUAD, "an object"), ('{"a": 1}', "an object"),
        ("[1] is the source", ""), ("(A)", ""), ("[A]", ""), ("[sic]", ""), ("(1, 2)", ""), ("{1, 2}", ""), ("{x}", ""),
        ('("Hello", she said)', ""), ("['tis so]", ""), ("[ [", ""), ("] ]", ""), ("['a'] and ['b']", ""), ("['x']['y']", ""), ("['a' $ 'b']", ""),
        ('["Yes" he said]', ""), ("('a')", ""), ("Paris", ""), ("", ""),
    ],
)  # fmt: skip
def test_which_whole_texts_are_lists_or_objects(text: str, kind: str) -> None:
    assert prints(text) == kind


@pytest.mark.parametrize("other", ["Rome", 3, None, float("nan"), "nan", ["Lima"], True])
def test_a_written_list_is_no_answer_whatever_the_other_cells_hold(tmp_path: Path, other: Any) -> None:
    imported = made(tmp_path, ["['Paris']", other, "Oslo", '["Bern"]', "Quito"])
    texts = {text for item in imported for text in (item.answer, item.foil)}
    assert not any("[" in text for text in texts) and {" Oslo", " Quito"} <= texts
    assert imported.rows == 5 and sum(imported.excluded.values()) + len(imported) == 5
    assert sum(count for reason, count in imported.excluded.items() if reason.startswith("'a' holds a list")) >= 2


def test_one_row_with_a_written_list_is_excluded_with_what_to_write(tmp_path: Path) -> None:
    imported = made(tmp_path, ["['Paris']", "Rome", "Oslo"])
    assert [item.answer for item in imported] == [" Rome", " Oslo"] and imported.excluded == {LIST: 1}
    as_text = made(tmp_path, ["['Paris']", "Rome", "Oslo"], PLAIN + '[rows]\ntext = ["a"]\n')
    assert [item.answer for item in as_text] == [" ['Paris']", " Rome", " Oslo"] and not as_text.excluded
    entered = made(tmp_path, ["['Paris']", '["Rome", "Roma"]'], PLAIN.replace("{a}", "{a[0]}"))
    assert [item.answer for item in entered] == [" Paris", " Rome"]


def test_what_numpy_printed_has_no_first_entry_to_write(tmp_path: Path) -> None:
    with pytest.raises(StrataError) as caught:
        made(tmp_path, ["['Paris' 'Rome']", SQUAD])
    assert "'a' holds a list (text = [\"a\"] in [rows] to take it as it stands): 1" in str(caught.value)


def test_a_cell_inside_a_row_and_one_that_is_an_option_count_as_well(tmp_path: Path) -> None:
    cells: list[Any] = [{"x": "['Paris']"}, {"x": "Rome"}, {"x": "Oslo"}]
    nested = PLAIN.replace("{a}", "{a.x}")
    assert [item.answer for item in made(tmp_path, cells, nested)] == [" Rome", " Oslo"]
    for text in ("a", "a.x"):
        as_text = made(tmp_path, cells, nested + f'[rows]\ntext = ["{text}"]\n')
        assert [item.answer for item in as_text] == [" ['Paris']", " Rome", " Oslo"]
    cells = [{"x": "['ox']", "y": "cat", "k": "x"}, {"x": "ox", "y": "cat", "k": "y"}]
    chosen = made(tmp_path, cells, '[item]\nprompt = "{q}"\n[choices]\ncolumns = ["a.x", "a.y"]\ncorrect = "a.k"\n')
    assert [item.answer for item in chosen] == [" cat"] and len(chosen.excluded) == 1
    cells = [{"o": ["[1, 2]", "[2, 1]"], "k": "[2, 1]"}, {"o": ["[3]", "ox"], "k": "ox"}]
    chosen = made(tmp_path, cells, '[item]\nprompt = "{q}"\n[choices]\nfield = "a.o"\ncorrect = "a.k"\n')
    assert [item.answer for item in chosen] == [" [2, 1]", " ox"]
