"""Numbers become scores only where they can't be anything else, which all rows of a table decide together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strata.experiments.items.importing import Imported, import_items, parse_mapping
from strata.probes.errors import StrataError

OWN = '[item]\nprompt = "{q}"\n[choices]\nfield = "o"\n'
KEYED = OWN + 'correct = "k"\n'
ANSWERED = OWN.replace("[choices]", 'answer = "{a}"\n[choices]')
TWO = "the row has not exactly one right option"
CONTRADICTED = "the answer in [item] isn't the option that is right by [choices] (keep one of the two in the mapping)"


def made(tmp_path: Path, rows: list[dict[str, Any]], mapping: str) -> Imported:
    path = tmp_path / "table.jsonl"
    path.write_text("\n".join(json.dumps({"q": f"Question {n}", **row}) for n, row in enumerate(rows)))
    return import_items(path, parse_mapping(mapping, "my.toml"))


def answers(tmp_path: Path, rows: list[dict[str, Any]], mapping: str) -> list[str]:
    return [item.answer.strip() for item in made(tmp_path, rows, mapping)]


@pytest.mark.parametrize("key", ["a", "k"])
def test_options_that_are_numbers_are_never_scores(tmp_path: Path, key: str) -> None:
    rows: list[dict[str, Any]] = [
        {"o": {"A": 3, "B": 5, "C": 8}, "a": "5", "k": "B"},
        {"o": {"A": 1, "B": 2, "C": 9}, "a": "1", "k": "A"},
    ]
    imported = made(tmp_path, rows, ANSWERED if key == "a" else KEYED)
    assert [item.answer for item in imported] == [" 5", " 1"]
    assert imported.items[0].choices == (" 3", " 5", " 8") and not imported.without_foil


def test_numbers_beyond_zero_and_one_are_scores_only_when_asked_for(tmp_path: Path) -> None:
    for rows in (
        [{"o": {"A": 3, "B": 5, "C": 8}}],
        [{"o": {"no": 0, "yes": 1}}, {"o": {"no": 0, "yes": 7}}],
        [{"o": {"no": 0, "yes": 1}}, {"o": {"A": "one", "B": "two"}}],
    ):
        with pytest.raises(StrataError, match=r'no score says which option is right .*or its own: correct = "o"'):
            made(tmp_path, rows, OWN)
    rows = [{"o": {"left": 0.2, "right": 0.8}}, {"o": {"left": 3, "right": 1}}]
    assert answers(tmp_path, rows, OWN + 'correct = "o"\n') == ["right", "left"]


def test_zeros_and_ones_are_options_where_the_key_names_the_zero(tmp_path: Path) -> None:
    rows = [{"o": {"opt1": 0, "opt2": 1}, "k": "opt1"}, {"o": {"opt1": 1, "opt2": 0}, "k": "opt1"}]
    assert answers(tmp_path, rows, KEYED) == ["0", "1"]
    rows = [{"o": {"opt1": 0, "opt2": 1}, "a": "0"}, {"o": {"opt1": 1, "opt2": 0}, "a": "0"}]
    assert made(tmp_path, rows, ANSWERED).items[0].choices == (" 0", " 1")
    rows = [{"o": {"yes": 0, "no": 1}, "k": "no"}, {"o": {"yes": 1, "no": 0}, "k": "yes"}]
    assert answers(tmp_path, rows, KEYED) == ["no", "yes"]


@pytest.mark.parametrize("mapping", [KEYED, ANSWERED, KEYED.replace('"k"', '"a"') + 'correct_is = "text"\n'])
def test_an_answer_that_contradicts_the_right_option_leaves_the_row_out(tmp_path: Path, mapping: str) -> None:
    both = mapping if "answer" in mapping else mapping.replace("[choices]", 'answer = "{a}"\n[choices]')
    both = both if "correct" in both else both + 'correct = "k"\n'
    rows: list[dict[str, Any]] = [
        {"o": ["ox", "cat"], "k": "A", "a": "ox"},
        {"o": ["ox", "cat"], "k": "B", "a": "Cat"},
        {"o": ["ox", "5.0"], "k": "B", "a": 5},
        {"o": ["ox", "cat"], "k": "A", "a": "cat"},
        {"o": ["ox", "cat"], "k": "A", "a": "hen"},
    ]
    imported = made(tmp_path, rows, both)
    if "correct_is" in mapping:
        assert [item.answer for item in imported] == [" ox", " cat", " 5.0", " cat"]  # The key is the answer itself.
        return
    assert [item.answer for item in imported] == [" ox", " cat", " 5.0"] and imported.excluded == {CONTRADICTED: 2}


def test_a_list_of_places_means_two_right_options_where_other_rows_show_it(tmp_path: Path) -> None:
    for others in ([[1], [0]], [[0], [0]], [1, 0], ["[1]", "[0]"]):
        rows = [{"o": ["x", "y"], "k": key} for key in ([0, 1], *others)]
        imported = made(tmp_path, rows, KEYED)
        assert len(imported) == 2 and imported.excluded == {TWO: 1}
    rows = [{"o": ["x", "y"], "k": [1, 0]}, {"o": ["x", "y", "z"], "k": [2]}, {"o": ["x", "y"], "k": [0]}]
    assert answers(tmp_path, rows, KEYED) == ["z", "x"]


def test_lists_of_a_score_an_option_are_scores_where_all_keys_are_such(tmp_path: Path) -> None:
    keys: list[Any] = [[0, 1], "[1, 0]", [False, True], None, float("nan"), [1, 1]]
    imported = made(tmp_path, [{"o": ["x", "y"], "k": key} for key in keys], KEYED)
    assert [item.answer for item in imported] == [" y", " x", " y"] and sum(imported.excluded.values()) == 3
    rows = [{"o": ["x", "y", "z"], "k": [0, 0, 1]}, {"o": ["x", "y", "z", "w"], "k": [0, 0, 1]}]
    imported = made(tmp_path, rows, KEYED)
    assert [item.answer for item in imported] == [" z"]
    assert imported.excluded == {"the row has another number of scores than of options": 1}


def test_scores_in_the_order_of_the_data_belong_to_its_options_in_any_order_of_labels(tmp_path: Path) -> None:
    labelled = {"text": ["x", "y", "z"], "label": ["C", "A", "B"]}
    rows: list[dict[str, Any]] = [{"o": labelled, "k": [1, 0, 0]}, {"o": labelled, "k": [0, 1, 0]}]
    assert answers(tmp_path, rows, KEYED) == ["x", "y"]
    rows = [{"o": labelled, "k": 0}, {"o": labelled, "k": 2}]
    assert answers(tmp_path, rows, KEYED + 'correct_is = "index"\n') == ["x", "z"]
    rows = [{"o": ["B) x", "A) y"], "k": [1, 0]}, {"o": ["A) x", "B) y"], "k": [1, 0]}]
    assert answers(tmp_path, rows, KEYED) == ["x", "x"]


def test_names_that_hold_nothing_are_no_options(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"o": {"a": 1, "b": 0, "c": None, "d": None}},
        {"o": {"a": None, "b": None, "c": 0, "d": 1}},
    ]
    imported = made(tmp_path, rows, OWN)
    assert [(item.answer, item.choices) for item in imported] == [(" a", (" a", " b")), (" d", (" c", " d"))]
    assert answers(tmp_path, [*rows, {"o": {"a": None, "b": None}}, {"o": {}}], OWN) == ["a", "d"]
    rows = [{"o": {"A": "x", "B": None, "C": "z"}, "k": key} for key in "CB"]
    imported = made(tmp_path, rows, KEYED)
    assert [(item.answer, item.choices) for item in imported] == [(" z", (" x", " z"))] and imported.rows == 2
    rows = [{"o": [{"label": "A", "text": None}, {"label": "B", "text": "y"}, {"label": "C", "text": "z"}], "k": "B"}]
    with pytest.raises(StrataError, match="an option is empty: 1"):
        made(tmp_path, rows, KEYED)


def test_scores_say_which_option_is_right(tmp_path: Path) -> None:
    scores: dict[str, Any] = {"no": 0, "yes": 1, "maybe": 0}
    rows = [
        {"target_scores": scores},
        {"target_scores": {"left": 1.0, "right": 0.0}},
        {"target_scores": scores | {"no": 1}},
    ]
    mapping = '[item]\nprompt = "{q}"\n[choices]\nfield = "target_scores"\n'
    for text in (mapping, mapping + 'correct = "target_scores"\n'):
        imported = made(tmp_path, rows, text)
        assert [item.answer for item in imported] == [" yes", " left"]
        assert imported.items[0].choices == (" no", " yes", " maybe")
        assert imported.excluded == {"the row has not exactly one right option": 1}
    named = [{"target_scores": scores, "target": "maybe"}]
    assert answers(tmp_path, named, mapping + 'correct = "target"\n') == ["maybe"]
    rows = [*named, {"target_scores": scores, "target": "yes"}]
    imported = made(tmp_path, rows, mapping.replace("[choices]", 'answer = "{target}"\n[choices]'))
    assert [item.answer for item in imported] == [" yes"] and imported.excluded == {CONTRADICTED: 1}


def test_one_score_an_option_beside_them(tmp_path: Path) -> None:
    mapping = '[item]\nprompt = "{q}"\n[choices]\nfield = "mc.choices"\ncorrect = "mc.labels"\n'
    rows = [{"mc": {"choices": ["a", "b", "c"], "labels": labels}} for labels in ([0, 1, 0], [1, 1, 0], [0, 0, 1])]
    imported = made(tmp_path, rows, mapping)
    assert [item.answer for item in imported] == [" b", " c"]
    assert answers(tmp_path, rows, mapping.replace("mc.choices", "mc").replace('correct = "mc.labels"\n', "")) == [
        "b",
        "c",
    ]


def test_zeros_and_a_one_are_scores_where_no_other_field_is_the_key(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"mc": {"choices": ["a", "b"], "labels": marks}, "key": "1"} for marks in ([1, 0], [0, 1])
    ]
    mapping = '[item]\nprompt = "{q}"\n[choices]\nfield = "mc"\n'
    assert answers(tmp_path, rows, mapping) == ["a", "b"]
    assert answers(tmp_path, rows, mapping + 'correct = "key"\n') == ["a", "b"]  # The option labelled 1.
    rows = [{"mc": {"choices": ["a", "b", "c"], "labels": [10, 30, 20]}, "key": "30"}]
    assert answers(tmp_path, rows, mapping + 'correct = "key"\n') == ["b"]
