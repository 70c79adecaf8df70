"""Differences layer by layer against the same worked out from plain rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from strata.experiments.compare.layer_changes import layer_changes
from strata.experiments.items.schema import Item
from strata.experiments.results.locate_tables import PROFILES

LAYERS = {"lens.logit": 4, "patching": 3}
ITEMS = [
    Item(f"{kind}:{number}", kind, "family", "", "a", "b", cluster=str(number))
    for kind in ("knowledge", "reasoning")
    for number in range(9)
]


def rows(seed: int) -> list[dict[str, Any]]:
    rng = Random(seed)
    readings = [
        ("lens.logit", "answer_logprob", None), ("lens.logit", "rank", None), ("lens.tuned", "answer_logprob", None),
        ("patching", "denoise", "mlp_out"),
    ]  # fmt: skip
    return [
        {
            "item": item.id, "instrument": instrument, "measure": measure, "component": component, "position": "last",
            "layer": layer, "value": rng.gauss(seed, 1),
        }
        for item in ITEMS
        for instrument, measure, component in readings
        for layer in range(LAYERS.get(instrument, 4))
    ]  # fmt: skip


def changed(tables: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    made = {role: pa.Table.from_pylist(table, PROFILES.schema) for role, table in tables.items()}
    return list(layer_changes(made, ITEMS, draws=100, seed=0))


def mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def test_every_reading_is_compared_item_by_item() -> None:
    tables = {"base": rows(0), "distilled": rows(1), "control": rows(2)}
    # One item has no value in one model, another isn't there at all: neither may count on the other side.
    tables["base"] = [row for row in tables["base"] if row["item"] != "knowledge:3"]
    for row in tables["distilled"]:
        if row["item"] == "knowledge:5" and row["layer"] == 1:
            row["value"] = math.nan
    lookup = {
        (role, row["item"], row["instrument"], row["measure"], row["layer"]): row["value"]
        for role, table in tables.items()
        for row in table
    }
    changes = changed(tables)
    assert {(row["instrument"], row["measure"]) for row in changes} == {
        ("lens.logit", "answer_logprob"), ("patching", "denoise"),
    }  # fmt: skip
    contrasts = {
        "change": ("distilled", "base"),
        "control_change": ("control", "base"),
        "difference_in_differences": ("distilled", "control"),
    }
    # 3 contrasts × 2 kinds × (4 streams + 3 blocks)
    assert len(changes) == 3 * 2 * 7
    for row in changes:
        upper, lower = contrasts[row["contrast"]]
        sides: list[tuple[float, float]] = []
        for item in ITEMS:
            pair = [
                lookup.get((role, item.id, row["instrument"], row["measure"], row["layer"]), math.nan)
                for role in (lower, upper)
            ]
            if item.kind == row["kind"] and not any(math.isnan(value) for value in pair):
                sides.append((pair[0], pair[1]))
        assert row["n_items"] == len(sides)
        assert row["before"] == pytest.approx(mean([before for before, _ in sides]))
        assert row["after"] == pytest.approx(mean([after for _, after in sides]))
        assert row["difference"] == pytest.approx(row["after"] - row["before"])
        assert row["axis"] == ("stream" if row["instrument"] == "lens.logit" else "block")
        if row["n_clusters"] >= 8:
            assert row["low"] < row["difference"] < row["high"]


def test_a_reading_that_one_model_lacks_has_no_rows() -> None:
    without = [row for row in rows(1) if row["instrument"] != "patching"]
    changes = changed({"base": rows(0), "distilled": without})
    assert {row["instrument"] for row in changes} == {"lens.logit"}
    assert {row["contrast"] for row in changes} == {"change"}
