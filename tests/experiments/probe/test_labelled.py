"""Which texts carry which label? Any field of any table, nested ones too; what can't be probed is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from strata.experiments.probe.config import ProbeConfig
from strata.experiments.probe.labelled import LabelledSet, labelled_items
from strata.experiments.probe.pipeline import probe_file
from strata.probes.errors import StrataError
from strata.probes.linear.labels import labels_of


def table(file: Path, rows: list[dict[str, Any]]) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def read(source: str, target: str, **changes: Any) -> LabelledSet:
    return labelled_items(source, ProbeConfig(target, **changes))


def test_a_text_and_a_label_in_each_line_are_enough(tmp_path: Path) -> None:
    source = table(tmp_path / "mine.jsonl", [{"prompt": f"text {n}", "mood": ["good", "bad"][n % 2]} for n in range(6)])
    labelled = read(source, "mood")
    assert [item.label for item in labelled.items] == ["good", "bad"] * 3
    assert [item.id for item in labelled.items] == [str(n) for n in range(6)]
    assert not labelled.clustered and not labelled.limited and len({item.cluster for item in labelled.items}) == 6
    assert labelled.items[0].template is None


def test_fields_inside_of_objects_and_lists_are_found(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "meta": {"x": {"y": 3}}, "tags": ["red", "round"], "dotted.key": True}]
    source = table(tmp_path / "nested.jsonl", rows)
    assert [read(source, field).items[0].label for field in ("meta.x.y", "tags[0]", "tags.1", "dotted.key")] == [
        3,
        "red",
        "round",
        True,
    ]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "parquet"])
def test_tables_of_other_formats_are_read_too(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame({"review": ["fine", "dull"], "stars": [5, 1], "author": ["x", "x"]})
    file = tmp_path / f"table.{suffix}"
    match suffix:
        case "csv" | "tsv":
            frame.to_csv(file, index=False, sep="," if suffix == "csv" else "\t")
        case "json":
            frame.to_json(file, orient="records")
        case "parquet":
            frame.to_parquet(file)
    labelled = read(str(file), "stars", text="review", cluster="author")
    assert [str(item.label) for item in labelled.items] == ["5", "1"] and {item.cluster for item in labelled.items} == {
        "x"
    }
    assert labelled.clustered


def test_built_in_families_are_probed_by_their_names() -> None:
    labelled = read("capital,addition", "family", per_family=6)
    assert {item.label for item in labelled.items} == {"capital", "addition"} and labelled.clustered
    assert all(item.template and item.template.startswith(str(item.label)) for item in labelled.items)
    assert any("subject" in item.spans for item in labelled.items)


def test_missing_labels_are_none_whatever_way_they_are_missing(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": "a", "y": None},
        {"prompt": "b"},
        {"prompt": "c", "y": " "},
        {"prompt": "d", "y": 0},
    ]
    assert [item.label for item in read(table(tmp_path / "t.jsonl", rows), "y").items] == [None, None, None, 0]


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_cells_of_a_text_table_are_read_as_what_they_say(tmp_path: Path, suffix: str) -> None:
    columns = {
        "stars": ["5", "", "NA", "-1"], "grade": ["1.5", "nan", "2", "1e2"], "mood": ["good", "None", "n/a", "null"],
        "code": ["007", "08", "1", "NULL"], "mixed": ["1", "2", "3", "high"],
    }  # fmt: skip
    separator = "," if suffix == "csv" else "\t"
    file = tmp_path / f"table.{suffix}"
    lines = [
        ["prompt", *columns],
        *([f"text {row}", *cells] for row, cells in enumerate(zip(*columns.values(), strict=True))),
    ]
    file.write_text("\n".join(separator.join(line) for line in lines) + "\n")
    labels = {name: [item.label for item in read(str(file), name).items] for name in columns}
    assert labels == {
        "stars": [5, None, None, -1], "grade": [1.5, None, 2, 100.0], "mood": ["good", None, None, None],
        "code": ["007", "08", "1", None], "mixed": ["1", "2", "3", "high"],
    }  # fmt: skip
    # Where cells have types they are what they are.
    typed = table(tmp_path / "typed.jsonl", [{"prompt": "a", "y": "5"}, {"prompt": "b", "y": "None"}])
    assert [item.label for item in read(typed, "y").items] == ["5", "None"]


def test_numbers_in_a_text_table_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text("prompt,y\n" + "".join(f"text {row},{row % 30 / 7:.3f}\n" for row in range(90)))
    with pytest.raises(StrataError, match="30 different numbers for 90 items: a continuous target"):
        labels_of([item.label for item in read(str(file), "y").items], 90)


def test_positions_have_files_of_their_own_whatever_their_names() -> None:
    names = ["last", "a.b", "a-b", "A-b", "a b", "subject", "Subject", "ä/b", "ä\\b"]
    files = {probe_file(name).casefold() for name in names}
    assert len(files) == len(names) and probe_file("last") == "probe-last.safetensors"
    assert all("/" not in file and "\\" not in file for file in files)


def test_a_limit_takes_items_evenly_and_is_told(tmp_path: Path) -> None:
    source = table(tmp_path / "t.jsonl", [{"prompt": str(n), "y": n % 2} for n in range(10)])
    labelled = read(source, "y", limit=5)
    assert labelled.limited and [item.prompt for item in labelled.items] == ["0", "2", "4", "6", "8"]


def test_the_hash_knows_labels_and_clusters(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "y": 1, "z": 2, "w": "c"}]
    source = table(tmp_path / "t.jsonl", rows)
    hashes = {read(source, "y").sha256, read(source, "z").sha256, read(source, "y", cluster="w").sha256}
    assert len(hashes) == 3 and read(source, "y").sha256 in hashes


@pytest.mark.parametrize(
    ("rows", "changes", "message", "remedy"),
    [
        ([{"prompt": "a", "answer": "x"}], {"target": "anwser"}, "has the field 'anwser'", "Did you mean answer?"),
        ([{"prompt": "a", "meta": {"topic": 1}}], {"target": "meta.tpoic"}, "has the field 'meta.tpoic'", "Did you mean meta.topic?"),
        ([{"text": "a", "y": 1}], {"target": "y"}, "has the field 'prompt' (--text)", "with --text FIELD. There is: text, y"),
        ([{"prompt": "a", "meta": {"Topic": 1}}], {"target": "topic"}, "has the field 'topic' (--target)", "Did you mean meta.Topic?"),
        ([{"prompt": "a", "author": 1, "y": 1}], {"target": "y", "cluster": "auther"}, "'auther' (--cluster)", "Did you mean author?"),
        ([{"prompt": "a", "y": [1]}], {"target": "y"}, "row 1: 'y' holds a list", "y[0]"),
        ([{"prompt": "a", "y": {"k": 1}}], {"target": "y"}, "row 1: 'y' holds an object", "y.k"),
        ([{"prompt": "", "y": 1}], {"target": "y"}, "row 1: the text in 'prompt' is empty", "drop the row"),
        ([{"prompt": "a", "y": 1}, {"y": 1}], {"target": "y"}, "row 2: the text in 'prompt' is missing", "drop the row"),
        ([{"prompt": "a", "y": 1, "id": "q"}] * 2, {"target": "y"}, "have the id 'q'", "id of its own"),
        ([{"prompt": "ab", "y": 1, "spans": {"s": [1, 9]}}], {"target": "y"}, "span 's' isn't a range", "Count characters"),
        ([{"prompt": "a", "y": 1}], {"target": "y", "cluster": "c"}, "has the field 'c'", "There is: prompt, y"),
    ],
)  # fmt: skip
def test_what_cannot_be_probed_is_named_with_a_remedy(
    tmp_path: Path, rows: list[dict[str, Any]], changes: dict[str, Any], message: str, remedy: str
) -> None:
    source = table(tmp_path / "t.jsonl", rows)
    with pytest.raises(StrataError) as caught:
        labelled_items(source, ProbeConfig(**changes))
    assert message in caught.value.what and remedy in caught.value.remedy


def test_a_source_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match=r"There is no file nowhere\.jsonl"):
        read("nowhere.jsonl", "y")
    with pytest.raises(StrataError, match="no item family 'capitol'"):
        read("capitol", "y")


@pytest.mark.parametrize("changes", [{"target": " "}, {"folds": 1}, {"draws": 5}, {"shuffles": -1}, {"positions": ()}])
def test_options_that_decide_nothing_sensible_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StrataError):
        ProbeConfig(**{"target": "y", **changes})
