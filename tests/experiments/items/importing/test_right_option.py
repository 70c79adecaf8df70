"""Which option becomes the answer: labels before positions, and one reading of the keys for the whole table."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.importing import Imported, import_items, parse_mapping
from strata.probes.errors import StrataError

FIELD = '[item]\nprompt = "{q}"\n[choices]\nfield = "options"\ncorrect = "key"\n'
COLUMNS = '[item]\nprompt = "{q}"\n[choices]\ncolumns = [%s]\ncorrect = "key"\n'


def made(tmp_path: Path, rows: list[dict[str, Any]], mapping: str) -> Imported:
    path = tmp_path / "table.jsonl"
    path.write_text("\n".join(json.dumps({"q": f"Question {n}", **row}) for n, row in enumerate(rows)))
    return import_items(path, parse_mapping(mapping, "my.toml"))


def answers(tmp_path: Path, rows: list[dict[str, Any]], mapping: str) -> list[str]:
    return [item.answer.strip() for item in made(tmp_path, rows, mapping)]


def refusal(tmp_path: Path, rows: list[dict[str, Any]], mapping: str) -> str:
    with pytest.raises(StrataError) as caught:
        made(tmp_path, rows, mapping)
    return str(caught.value)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"text": ["wrong", "right", "bad"], "label": ["1", "2", "3"]}, "2"),
        ({"text": ["wrong", "right", "bad"], "label": [1, 2, 3]}, 2),
        ({"text": ["wrong", "right", "bad"], "label": [1, 2, 3]}, 2.0),
        ({"text": ["bad", "wrong", "right"], "label": ["C", "B", "A"]}, "A"),
        ({"label": ["C", "B", "A"], "text": ["right", "bad", "wrong"]}, "c."),
        ({"choices": ["bad", "right"], "labels": ["B", "A"]}, "A"),
        ({"D": "right", "B": "bad", "A": "wrong", "C": "off"}, "D"),
        ({"d": "bad", "b": "wrong", "a": "right", "c": "off"}, "(A)"),
        ({"0": "wrong", "1": "right", "2": "bad"}, 1),
        ({"1": "right", "0": "wrong"}, "1"),
        ({"1": "right", "2": "wrong"}, "1"),
        ({"x": "wrong", "y": "right"}, "y"),
        ([{"label": "B", "text": "wrong"}, {"label": "A", "text": "right"}], "A"),
        ([{"key": "2", "value": "right"}, {"key": "1", "value": "wrong"}], "2"),
        ([{"B": "right"}, {"A": "wrong"}], "B"),
        (["B) right", "A) wrong"], "B"),
        (["(b) right", "(a) wrong"], "B"),
        (["2. right", "1. wrong"], "2"),
        ('{"B": "right", "A": "wrong"}', "B"),
        ("{'B': 'right', 'A': 'wrong'}", "B"),
        ('[{"label": "B", "text": "right"}, {"label": "A", "text": "wrong"}]', "B"),
        ({"A": 7, "B": "right"}, "B"),
        (["wrong", "right"], "right"),
        (["Wrong", "Right "], "right"),
        ({"A": "wrong", "B": "right"}, "right"),
    ],
)
def test_labels_and_texts_are_looked_up_before_positions(tmp_path: Path, options: Any, key: Any) -> None:
    (answer,) = answers(tmp_path, [{"options": options, "key": key}], FIELD)
    assert answer.casefold() == "right"


@pytest.mark.parametrize("key", ["C", "c)", "3"])
def test_labels_in_another_field_are_those_of_the_options(tmp_path: Path, key: str) -> None:
    labels = ["3", "1", "2"] if key == "3" else ["C", "A", "B"]
    texts = ["third", "first", "second"]
    row = {"o": {"text": texts, "label": labels}, "key": key}
    inside = FIELD.replace("options", "o.text")
    flat = {"o.text": texts, "o.label": labels, "key": key}
    cells = {"o": json.dumps(row["o"]), "key": key}
    for layout in (row, flat, cells):
        assert answers(tmp_path, [layout], inside) == ["third"]
    apart = {"list": texts, "names": labels, "key": key}
    assert answers(tmp_path, [apart], FIELD.replace("options", "list") + 'labels = "names"\n') == ["third"]


@given(st.integers(2, 6), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_labelled_options_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, n: int, style: int, rng: random.Random
) -> None:
    labels = ["ABCDEF"[i] if style % 2 else str(i + style // 2) for i in range(n)]
    right = rng.randrange(n)
    pairs = [(labels[i], f"option {i}") for i in range(n)]
    rng.shuffle(pairs)
    forms: list[Any] = [
        dict(pairs),
        {"text": [text for _, text in pairs], "label": [label for label, _ in pairs]},
        [{"label": label, "text": text} for label, text in pairs],
        [f"{label}) {text}" for label, text in pairs],
    ]
    folder = tmp_path_factory.mktemp("order")
    for form in forms:
        (item,) = made(folder, [{"options": form, "key": labels[right]}], FIELD)
        assert item.answer == f" option {right}" and item.choices == tuple(f" option {i}" for i in range(n))


def test_letters_shown_are_the_labels_of_the_data(tmp_path: Path) -> None:
    mapping = FIELD.replace('"{q}"', '"{q}\\n{@options}\\nAnswer:"') + 'show = "letter"\n'
    lettered, numbered, listed = (
        {"options": {"b": "beta", "a": "alpha"}, "key": "b"},
        {"options": {"2": "beta", "1": "alpha"}, "key": "2"},
        {"options": ["alpha", "beta"], "key": "b"},
    )
    (item,) = made(tmp_path, [lettered], mapping)
    assert item.prompt.endswith("a. alpha\nb. beta\nAnswer:") and item.answer == " b" and item.choices == (" a", " b")
    (item,) = made(tmp_path, [numbered], mapping)
    assert item.prompt.endswith("1. alpha\n2. beta\nAnswer:") and item.answer == " 2"
    (item,) = made(tmp_path, [listed], mapping)
    assert item.prompt.endswith("A. alpha\nB. beta\nAnswer:") and item.answer == " B"


@pytest.mark.parametrize(("keys", "expected"), [([0, 1, 1], "abb"), ([1, 2, 3], "abc"), ([2, 3, 1], "bca")])
def test_what_keys_count_from_shows_in_the_whole_table(tmp_path: Path, keys: list[int], expected: str) -> None:
    for write in (int, str, float):
        rows = [{"options": ["a-text", "b-text", "c-text"], "key": write(key)} for key in keys]
        assert [answer[0] for answer in answers(tmp_path, rows, FIELD)] == list(expected)


def test_keys_that_may_count_from_0_or_1_are_refused_until_the_mapping_says(tmp_path: Path) -> None:
    rows = [{"options": ["a", "b", "c"], "key": key} for key in (1, 2)]
    expected = (
        "my.toml: 'key' holds neither 0 nor the number of options, so whether it counts the options from 0 or from 1"
    )
    assert refusal(tmp_path, rows, FIELD).startswith(expected)
    assert refusal(tmp_path, rows, FIELD + 'correct_is = "index"\n').endswith(
        "Write first = 0 or first = 1 in [choices]."
    )
    assert answers(tmp_path, rows, FIELD + "first = 0\n") == ["b", "c"]
    assert answers(tmp_path, rows, FIELD + "first = 1\n") == ["a", "b"]
    both = [{"options": ["a", "b", "c"], "key": key} for key in (0, 3)]
    assert "holds 0 as well as the number of options" in refusal(tmp_path, both, FIELD)
    assert answers(tmp_path, both, FIELD + "first = 0\n") == ["a"]


def test_a_number_in_a_text_column_is_an_index_where_the_table_shows_it(tmp_path: Path) -> None:
    # One row alone would make "2" the text of the third option; the others show that the column counts.
    rows: list[dict[str, Any]] = [
        {"options": ["0", "1", "3", "2"], "key": "2"},
        {"options": ["red", "blue", "green", "grey"], "key": "0"},
        {"options": ["ox", "cat", "dog", "hen"], "key": "3"},
    ]
    assert answers(tmp_path, rows, FIELD) == ["3", "red", "hen"]
    assert "fit the options in more than one way (text and index)" in refusal(tmp_path, rows[:1], FIELD)
    assert answers(tmp_path, rows[:1], FIELD + 'correct_is = "text"') == ["2"]
    # A number that is no text in the data either is no option's text.
    rows[0]["key"] = 0
    assert answers(tmp_path, rows[:1], FIELD) == ["0"]


@pytest.mark.parametrize(
    ("options", "keys", "expected"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], ["1.0", "4.0"], ["1", "4"]),
        ([["1.0", "2.0"], ["3.0", "4.0"]], [1.0, 4.0], ["1.0", "4.0"]),
        ([["2.00", "3.00"], ["4.00", "5.00"]], ["3", "4.0"], ["3.00", "4.00"]),
        ([["7", "x"], ["-2.5", "y"]], [7, -2.5], ["7", "-2.5"]),
        ([["1", "1.0"], ["5", "6"]], ["1.0", "6.0"], ["1.0", "6"]),
        ([["3", "5", "1", "9"], ["2", "4", "6", "8"]], [3, 0], ["9", "2"]),
    ],
)
def test_a_number_is_the_option_that_is_this_number_however_both_are_written(
    tmp_path: Path, options: list[Any], keys: list[Any], expected: list[str]
) -> None:
    rows = [{"options": some, "key": key} for some, key in zip(options, keys, strict=True)]
    assert answers(tmp_path, rows, FIELD) == expected


def test_decimals_of_a_parquet_table_are_found_by_their_value(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    options = [[Decimal("2.00"), Decimal("3.00")], [Decimal("4.00"), Decimal("5.00")]]
    table = pyarrow.table({"q": ["a", "b"], "options": pyarrow.array(options), "key": ["3.00", "4.00"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert [item.answer for item in import_items(tmp_path / "t.parquet", parse_mapping(FIELD))] == [" 3", " 4"]


def test_columns_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    row = {"D": "four", "C": "three", "B": "two", "A": "one"}
    assert answers(tmp_path, [{**row, "key": "B"}], COLUMNS % '"D", "C", "B", "A"') == ["two"]
    row = {"opa": "one", "opb": "two"}
    for key in ("b", "opb", "B)"):
        assert answers(tmp_path, [{**row, "key": key}], COLUMNS % '"opb", "opa"') == ["two"]


def test_numbered_columns_dont_say_from_what_keys_count(tmp_path: Path) -> None:
    row = {"choice1": "one", "choice2": "two"}
    columns = COLUMNS % '"choice1", "choice2"'
    assert answers(tmp_path, [{**row, "key": 0}, {**row, "key": 1}], columns) == ["one", "two"]
    assert answers(tmp_path, [{**row, "key": "1"}, {**row, "key": "2"}], columns) == ["one", "two"]
    assert "counts the options from 0 or from 1" in refusal(tmp_path, [{**row, "key": 1}], columns)
    assert answers(tmp_path, [{**row, "key": "choice2"}], columns) == ["two"]


def test_a_key_that_is_no_label_leaves_the_row_out(tmp_path: Path) -> None:
    good = {"options": {"A": "one", "B": "two"}, "key": "B"}
    for key in ("C", 1, "1", "", None, -1, ["A", "B"], [], float("nan")):
        imported = made(tmp_path, [good, {"options": {"A": "one", "B": "two"}, "key": key}], FIELD)
        assert [item.answer for item in imported] == [" two"] and sum(imported.excluded.values()) == 1
    for key in ("4", "-1", "B"):
        rows = [{"options": ["one", "two", "three"], "key": number} for number in ("0", "2", key)]
        imported = made(tmp_path, rows, FIELD)
        assert [item.answer for item in imported] == [" one", " three"]
        assert imported.excluded == {"the key to the right option isn't the number of any option": 1}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["a"], "the row has fewer than two options"),
        (["a", " a"], "the row has fewer than two options"),
        ([], "the row has fewer than two options"),
        (["a", ""], "an option is empty"),
        (["a", None], "an option is empty"),
        (["a", float("nan")], "an option is empty"),
        (["a", " "], "an option is empty"),
        (["a", float("inf")], "an option holds a number that isn't finite"),
        (["a", ["b"]], "an option is a list, not a text"),
        (["a", {"x": 1, "y": 2}], "an option is an object, not a text"),
        ([{"x": 1, "y": 2}, {"x": 1, "y": 2}], "an option is an object, not a text"),
        ({"text": ["a", "b"], "label": ["A"]}, "the options and their labels differ in number"),
        ({"text": ["a", "b"], "label": ["A", "A"]}, "two options have the same label"),
        ("a, b", "the options aren't a list"),
        ("['a' 'b']", "the options aren't a list"),
        (None, "the options aren't a list"),
        (3, "the options aren't a list"),
    ],
)
def test_options_that_cant_be_chosen_among_leave_the_row_out(tmp_path: Path, options: Any, reason: str) -> None:
    good = {"options": ["a", "b"], "key": "a"}
    imported = made(tmp_path, [good, {"options": options, "key": "a"}], FIELD)
    assert [item.answer for item in imported] == [" a"] and imported.excluded == {reason: 1}


def test_an_option_given_twice_counts_once_and_as_the_right_letter_leaves_the_row_out(tmp_path: Path) -> None:
    rows = [{"options": ["a", "b", "b"], "key": key} for key in ("A", "B", "C")]
    imported = made(tmp_path, rows, FIELD)
    assert [item.answer for item in imported] == [" a", " b", " b"]
    assert {item.choices for item in imported} == {(" a", " b")}
    imported = made(tmp_path, rows, FIELD + 'show = "letter"\n')
    assert [item.answer for item in imported] == [" A"]
    assert imported.excluded == {"another option has the text of the right one": 2}


def test_truth_values_choose_yes_or_no(tmp_path: Path) -> None:
    mapping = '[item]\nprompt = "{q}"\n[choices]\nvalues = ["no", "yes"]\ncorrect = "key"\n'
    assert answers(tmp_path, [{"key": True}, {"key": False}], mapping) == ["yes", "no"]
    assert answers(tmp_path, [{"key": "True"}, {"key": "false"}, {"key": "YES"}], mapping) == ["yes", "no", "yes"]


def test_species_are_not_taken_for_marks(tmp_path: Path) -> None:
    rows = [{"options": ["E. coli", "B. subtilis"], "key": "B"}, {"options": ["A. niger", "B. cereus"], "key": "A"}]
    assert answers(tmp_path, rows, FIELD) == ["B. subtilis", "A. niger"]


def test_an_answer_that_is_none_of_the_options_is_kept_without_a_foil_and_said(tmp_path: Path) -> None:
    mapping = '[item]\nprompt = "{q}"\nanswer = "{key}"\n[choices]\nfield = "options"\n'
    rows = [{"options": ["ox", "cat"], "key": key} for key in ("ox", "hen")]
    imported = made(tmp_path, rows, mapping)
    assert [(item.answer, item.foil, item.choices) for item in imported] == [
        (" ox", " cat", (" ox", " cat")),
        (" hen", "", ()),
    ]
    assert imported.without_foil == {"the answer is none of the options": 1} and not imported.excluded
