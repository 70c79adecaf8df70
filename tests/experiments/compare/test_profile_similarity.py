"""Profiles of two models, alike and unlike, beside the ceiling that each sets for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from strata.experiments.compare.profile_similarity import likeness_rows
from strata.experiments.items.schema import Item
from strata.experiments.results.comparison_reasons import WhyNoValue

N_LAYERS, N_ITEMS = 8, 24
ITEMS = [
    Item(str(row), "knowledge", "capital", "", "p", " a", cluster=f"entity {row // 2}", extra={})
    for row in range(N_ITEMS)
]


def table(shape: np.ndarray, seed: int) -> pa.Table:
    """One reading of every item: the shape and noise of its own."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = [
        {"item": item.id, "layer": layer, "instrument": "patching", "measure": "denoise", "component": "mlp_out",
         "position": "last", "value": float(shape[layer] + 0.3 * rng.normal())}
        for item in ITEMS
        for layer in range(N_LAYERS)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def test_each_contrast_is_held_against_its_own_ceiling() -> None:
    rising = np.linspace(0, 2, N_LAYERS)
    profiles = {"base": table(rising, 0), "distilled": table(rising[::-1], 1), "control": table(rising, 2)}
    rows = {row["contrast"]: row for row in likeness_rows(profiles, ITEMS, seed=0)}
    assert set(rows) == {"change", "control_change", "difference_in_differences"}
    assert rows["change"]["between"] < -0.7 and rows["difference_in_differences"]["between"] < -0.7
    assert rows["control_change"]["between"] == pytest.approx(rows["control_change"]["ceiling"], abs=0.1)
    assert all(
        row["ceiling"] > 0.8 and row["n_clusters"] == N_ITEMS // 2 and row["reason"] is None for row in rows.values()
    )
    same = next(iter(likeness_rows({"base": profiles["base"], "distilled": profiles["base"]}, ITEMS, seed=0)))
    assert same["between"] == pytest.approx(same["ceiling"], abs=1e-12)


def test_blocks_are_one_fewer_than_streams_and_both_are_measured() -> None:
    def both(seed: int) -> pa.Table:
        blocks = table(np.linspace(0, 2, N_LAYERS), seed).to_pylist()
        streams = [
            {**row, "instrument": "lens.logit", "measure": "logit_difference", "component": "resid"} for row in blocks
        ]
        last = [{**row, "layer": N_LAYERS, "value": 2.5} for row in streams if row["layer"] == 0]
        return pa.Table.from_pylist([*blocks, *streams, *last])

    rows = list(likeness_rows({"base": both(0), "distilled": both(1)}, ITEMS, seed=0))
    assert {row["axis"] for row in rows} == {"stream", "block"}
    assert all(row["reason"] is None and row["between"] > 0.8 and row["n_clusters"] == N_ITEMS // 2 for row in rows)


def test_layers_that_nobody_has_a_value_for_are_no_part_of_a_profile() -> None:
    rows = table(np.linspace(0, 2, N_LAYERS), 0).to_pylist()
    window = pa.Table.from_pylist([{**row, "value": None if row["layer"] in (3, 4) else row["value"]} for row in rows])
    likeness = next(iter(likeness_rows({"base": window, "distilled": window}, ITEMS, seed=0)))
    assert likeness["reason"] is None and likeness["n_clusters"] == N_ITEMS // 2


def test_few_entities_and_flat_profiles_have_a_reason_in_place_of_a_number() -> None:
    profiles = {"base": table(np.arange(8.0), 0), "distilled": table(np.arange(8.0), 1)}
    few = next(iter(likeness_rows(profiles, ITEMS[:4], seed=0)))
    assert few["between"] is None and "2 clusters" in (WhyNoValue.from_column(few["reason"]).said or "")
    flat = pa.Table.from_pylist([{**row, "value": 1.0} for row in profiles["base"].to_pylist()])
    likeness = next(iter(likeness_rows({"base": flat, "distilled": flat}, ITEMS, seed=0)))
    assert likeness["between"] is None and WhyNoValue.from_column(likeness["reason"]).code == "flat-profile"
