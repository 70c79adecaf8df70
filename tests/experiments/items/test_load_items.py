"""`strata.load_items`: the same items as the command line reads or draws, and the same refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from tiny_models import tiny_checkpoint

import strata
from strata.experiments.items.builtin import build_items, chosen
from strata.experiments.items.jsonl import write_items
from strata.probes.errors import StrataError


def test_families_are_drawn_as_the_command_line_draws_them() -> None:
    wanted = build_items(chosen(["capital", "addition"]), seed=3, per_family=5)
    assert strata.load_items(["capital", "addition"], seed=3, per_family=5) == wanted
    assert strata.load_items("capital", seed=3, per_family=5) == wanted[:5]


def test_a_file_gives_its_items_in_its_order(tmp_path: Path) -> None:
    items = strata.load_items("language", per_family=4)
    file = tmp_path / "mine.jsonl"
    write_items(file, items)
    assert strata.load_items(file) == strata.load_items(str(file)) == items


def test_items_are_a_table_and_can_be_captured() -> None:
    items = strata.load_items("capital", per_family=3, checkpoint=tiny_checkpoint("llama"))
    table = pandas.DataFrame(items)
    assert list(table["answer"]) == [item.answer for item in items] and {"id", "prompt", "foil"} <= set(table)
    captured = strata.capture(tiny_checkpoint("llama"), items, positions=["subject", "last"])
    assert captured.ids == tuple(item.id for item in items) and bool(captured.present.all())


def test_what_is_no_item_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    good = {"id": "1", "kind": "knowledge", "family": "mine", "prompt": "a", "answer": " b"}
    file.write_text(json.dumps(good) + "\n" + json.dumps({**good, "id": "2", "prompt": 3}) + "\n")
    with pytest.raises(StrataError, match=r"bad.jsonl:2: field 'prompt' is a number"):
        strata.load_items(file)
    for source, words in (
        ("capitol", "no item family, kind or domain 'capitol'"),
        ("missing.jsonl", "Can't read the item file missing.jsonl"),
        ([], "No item family was named"),
    ):
        with pytest.raises(StrataError, match=words):
            strata.load_items(source)
