"""Files of `strata.summary/1` keep their keys, and tables of any age are read with today's names."""

from __future__ import annotations

from typing import Any

import pytest

from strata.experiments.results.locate_tables import ProfileRow
from strata.experiments.run.summary_version_1 import (
    KEYS,
    SCHEMA,
    is_first,
    rows_as_read,
    spellings,
    still_measured,
    summary_as_read,
)


def test_keys_and_counted_reasons_get_todays_names_and_places_are_withdrawn() -> None:
    (weak,) = (name for name in KEYS if name.startswith("a weak pair"))
    onset = {"layer": 4, "depth": 0.5, "interval": [3, 5], "n": 3}
    written: dict[str, Any] = {
        "schema": SCHEMA, "checkpoint": {"spec": "tiny"}, "n_layers": 8, "seed": 0,
        "kinds": {
            "control": {
                "items": 4, "used": 3, "accuracy": 0.75, "pairs": {"usable": 2, KEYS["excluded"]: {KEYS[weak]: 2}},
                "instruments": {"lens": {"onset": onset}, "patching": {"layer": 3}}, "located": {"layer": 3},
            }
        },
    }  # fmt: skip
    summary = summary_as_read(written)
    control = summary.kinds["control"]
    assert (control.used, control.pairs, dict(control.not_intervened_on)) == (3, 2, {weak: 2})
    assert control.instruments.lens is not None and control.instruments.lens.onset is not None
    assert control.instruments.lens.onset.layer == 4 and control.located is None and summary.withdrawn


@pytest.mark.parametrize("today", ["patching", "ablation"])
def test_rows_of_older_tables_get_todays_names(today: str) -> None:
    older = spellings(today)[1]
    rows = [{"instrument": older, "measure": "mean", "kind": older}, {"instrument": today, "measure": None}]
    assert rows_as_read(rows) == [
        {"instrument": today, "measure": "mean", "kind": older},
        {"instrument": today, "measure": None},
    ]


def test_ablation_to_nothing_is_called_zero_in_rows_of_any_age() -> None:
    rows = [{"instrument": "ablation", "measure": name} for name in ("skip", "zero", "mean")]
    assert [row["measure"] for row in rows_as_read(rows)] == ["zero", "zero", "mean"]


def test_measures_of_the_first_rule_alone_are_skipped_and_all_others_kept() -> None:
    kept = [("patching", "denoise"), ("patching", "gained"), ("ablation", "mean"), ("damage", "zero"), ("lens.logit", "rank"), ("probe", "excess")]  # fmt: skip
    gone = [
        ("patching", "denoise.window3"), ("patching", "excess"), ("patching", "norm_matched_noise"), ("patching", "wrong_position"),
        ("ablation", "specific.zero"), ("ablation", "beyond_damage.mean"), ("ablation", "wrong.mean"), ("ablation", "resample"),
        ("damage", "mean.window3"), ("knockout", "window5"), ("attribution", "denoise"),
    ]  # fmt: skip
    rows = [
        ProfileRow(item="a", instrument=instrument, measure=measure, component="mlp_out", position="last", layer=0, value=0.5)
        for instrument, measure in (*kept, *gone)
    ]  # fmt: skip
    assert [(row.instrument, row.measure) for row in still_measured(rows)] == kept


def test_a_run_of_the_first_rule_is_known_by_a_setting_that_decides_nothing_any_more() -> None:
    runs = ({"seed": 0, "windows": []}, {"locate": {"seed": 0, "windows": [3]}, "swap_pairs": 24})
    assert all(is_first({"config": config}) for config in runs)
    later = ({"seed": 0, "pairs": 48}, {"locate": {"seed": 0}, "windows": [3]}, None)
    assert not any(is_first({"config": config}) for config in later) and not is_first({})
