"""The benchmark of a family compares equal numbers: every edit of its programme, of all cells, heads and edges."""

from __future__ import annotations

from typing import Any

import pytest

import strata.dashboards.benchmarks.family_edits as module
from strata.dashboards.benchmarks.family_edits import Programme, family_benchmark
from strata.probes.interventions.cells import CELLS


@pytest.mark.thorough
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_every_edit_of_the_programme_equals_transformer_lens(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    monkeypatch.setattr(module, "SAMPLED", 10**6)
    rows = {row.name: row for row in family_benchmark(tiny_models(architecture), pairs=4)}
    difference = rows["the whole patching programme of a family: largest difference"]
    assert difference.met, difference
    speed = rows["the whole patching programme of a family vs TransformerLens' hooks"]
    assert f"made {speed.extra['edits']} of them" in speed.note


def test_the_programme_of_a_deep_model_holds_all_prefixes_and_suffixes_and_about_forty_narrow_windows() -> None:
    programme = Programme(30, 9)
    for cell in CELLS:
        first = int(cell in ("enrich", "gather"))
        windows = programme.windows(cell)
        assert {(first, last) for last in range(first, 30)} <= set(windows)
        assert {(start, 29) for start in range(first, 30)} <= set(windows)
        assert 95 <= len(windows) <= 105
        assert 15 <= len(programme.installed(cell)) <= 20
        assert 5 <= len(programme.resampled(cell)) <= 6
    assert len(programme.heads()) == 6 * 9 + 6
