"""Files of `strata.summary/1` keep their keys, and tables of any age are read with today's names."""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.locate.causal.effects import WEAK
from strata.experiments.schema_1 import as_read, as_written, rows_as_read, seeding_name, spellings

SUMMARY: dict[str, Any] = {
    "kinds": {"control": {"instruments": {"patching": {"layer": 3}, "probe": {}}, "pairs": {"excluded": {WEAK: 2}}}},
    "families": [{"family": "capital", "ablation": None}],
}


def test_what_is_written_is_read_again() -> None:
    assert as_read(as_written(SUMMARY)) == SUMMARY


def test_keys_and_counted_reasons_are_those_of_the_schema_and_nothing_else_changes() -> None:
    written = as_written(SUMMARY)
    kind = written["kinds"]["control"]
    assert list(kind["instruments"]) == [spellings("patching")[1], "probe"]
    (reason,) = next(iter(value for name, value in kind["pairs"].items()))
    assert reason == WEAK.replace("corrupted", "foil")
    assert list(written["families"][0]) == ["family", spellings("ablation")[1]]


@pytest.mark.parametrize("today", ["patching", "ablation"])
def test_rows_of_older_tables_get_todays_names_windows_included(today: str) -> None:
    older = spellings(today)[1]
    rows = [{"instrument": older, "measure": "mean.window3", "kind": older}, {"instrument": today, "measure": None}]
    assert rows_as_read(rows) == [
        {"instrument": today, "measure": "mean.window3", "kind": older},
        {"instrument": today, "measure": None},
    ]


def test_draws_over_a_map_are_seeded_as_in_every_version() -> None:
    assert seeding_name("ablation/drop/mean/mlp_out/1") == f"{spellings('ablation')[1]}/drop/mean/mlp_out/1"
    assert seeding_name("attribution/last") == "attribution/last"
