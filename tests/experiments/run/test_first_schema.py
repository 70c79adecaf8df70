"""Files of `strata.summary/1` keep their keys, and tables of any age are read with today's names."""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.run.first_schema import KEYS, as_read, is_first, rows_as_read, spellings


def test_keys_and_counted_reasons_get_todays_names_and_nothing_else_changes() -> None:
    (weak,) = (name for name in KEYS if name.startswith("a weak pair"))
    written: dict[str, Any] = {
        "kinds": {"control": {"used": 3, "pairs": {KEYS["excluded"]: {KEYS[weak]: 2}}}},
        "families": [{"n": 1}],
    }
    assert as_read(written) == {
        "kinds": {"control": {"used": 3, "pairs": {"excluded": {weak: 2}}}}, "families": [{"n": 1}],
    }  # fmt: skip


@pytest.mark.parametrize("today", ["patching", "ablation"])
def test_rows_of_older_tables_get_todays_names_windows_included(today: str) -> None:
    older = spellings(today)[1]
    rows = [{"instrument": older, "measure": "mean.window3", "kind": older}, {"instrument": today, "measure": None}]
    assert rows_as_read(rows) == [
        {"instrument": today, "measure": "mean.window3", "kind": older},
        {"instrument": today, "measure": None},
    ]


def test_a_run_of_the_first_rule_is_known_by_a_setting_that_decides_nothing_any_more() -> None:
    runs = ({"seed": 0, "windows": []}, {"locate": {"seed": 0, "windows": [3]}, "swap_pairs": 24})
    assert all(is_first({"config": config}) for config in runs)
    later = ({"seed": 0, "pairs": 48}, {"locate": {"seed": 0}, "windows": [3]}, None)
    assert not any(is_first({"config": config}) for config in later) and not is_first({})
