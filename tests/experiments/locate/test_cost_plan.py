"""A plan with a trial: time for what is asked for, and no weights needed without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from small_world import save_checkpoint, write_items

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.cost_plan import plan_locate
from strata.probes.checkpoints.open_spec import open_checkpoint, open_on_meta

CONFIG = LocateConfig(pairs=6, positions=("last",))


def test_interventions_take_time_of_their_own(tmp_path: Path) -> None:
    model, items = save_checkpoint(tmp_path / "model"), write_items(tmp_path / "items.jsonl")
    checkpoint = open_checkpoint(str(model), device="cpu")
    with_them = plan_locate(checkpoint, CONFIG, tmp_path, items=items)
    least, most = with_them.intervention_tokens
    assert 0 < least < most and with_them.seconds is not None
    low, high = with_them.seconds
    assert 0 < low < high
    without = plan_locate(checkpoint, replace(CONFIG, causal_map="none"), tmp_path, items=items)
    assert without.intervention_tokens == (0, 0) and without.passes == with_them.passes


def test_without_a_trial_the_work_is_counted_and_no_time_is_said(tmp_path: Path) -> None:
    model, items = save_checkpoint(tmp_path / "model"), write_items(tmp_path / "items.jsonl")
    plan = plan_locate(open_on_meta(str(model)), CONFIG, tmp_path, items=items, trial=False)
    assert plan.seconds is None and plan.intervention_tokens[1] > 0 and plan.not_checked
