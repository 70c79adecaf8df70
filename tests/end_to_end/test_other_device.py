"""Nothing mixes devices: whole commands on a device that isn't the CPU, and the CPU's numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from other_device import NAME, MixedDevicesError, NoFloat64Error, other_device
from small_comparison import CONFIG, LOCATE, compared
from small_world import other, save_checkpoint, write_items

from strata.experiments.compare.model_specs import Specs
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.decoding.generate import generate
from strata.probes.numerics.double_precision import exact


def test_the_device_is_as_strict_as_a_gpu() -> None:
    with other_device():
        there, here = torch.ones(3, device=NAME), torch.ones(3)
        with pytest.raises(MixedDevicesError, match=r"\(3,\) on elsewhere, \(3,\) on cpu"):
            there + here
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        with pytest.raises(MixedDevicesError):
            here[torch.zeros(2, dtype=torch.long, device=NAME)]
        assert there[torch.tensor([0, 2])].tolist() == [1, 1]
        there[1:].mul_(5)
        assert there.cpu().tolist() == [1, 5, 5] and (there * torch.tensor(2)).device.type == NAME
        linear = torch.nn.Linear(3, 2).to(NAME)
        with torch.inference_mode():
            assert linear(there).device.type == NAME


def test_it_may_lack_double_precision() -> None:
    with other_device():
        assert exact(torch.ones(3, device=NAME)).device.type == NAME
    with other_device(float64=False):
        there = torch.ones(3, device=NAME)
        with pytest.raises(NoFloat64Error):
            there.double()
        assert exact(there).dtype == torch.float64 and exact(there).device.type == "cpu"


@pytest.mark.parametrize("float64", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_a_run_with_all_interventions_and_baselines_says_what_it_says_on_the_cpu(tmp_path: Path, float64: bool) -> None:
    model, items = save_checkpoint(tmp_path / "model"), write_items(tmp_path / "items.jsonl")
    config = LocateConfig(pairs=2, draws=100, lens_maps=1, folds=2, damage_texts=2, positions=("last",))
    locate(open_checkpoint(str(model), device="cpu"), config, tmp_path / "cpu", items=items)
    with other_device(float64):
        locate(open_checkpoint(str(model), device=NAME), config, tmp_path / NAME, items=items)
    assert json.loads((tmp_path / NAME / "manifest.json").read_text())["device"] == f"{NAME}:0"
    for table in ("behaviour", "profiles", "windows"):
        here, there = (pq.read_table(tmp_path / device / f"{table}.parquet").to_pandas() for device in ("cpu", NAME))
        pd.testing.assert_frame_equal(here, there, rtol=1e-3, atol=1e-4)


@pytest.mark.thorough
def test_a_comparison_with_every_measure_runs_to_its_end(tmp_path: Path) -> None:
    base = save_checkpoint(tmp_path / "base")
    specs = Specs(str(base), str(other(tmp_path / "other", base, seed=1)))
    config = replace(CONFIG, locate=replace(LOCATE, draws=100, pairs=2), swap_pairs=2, contrast_items=1)
    with other_device():
        openers = {role: partial(open_checkpoint, spec, device=NAME) for role, spec in specs.by_role().items()}
        items = write_items(tmp_path / "items.jsonl")
        comparison = compared(specs, tmp_path / "run", items, config=config, openers=openers, probed=True)
    assert comparison["not_comparable"] == []


def test_answers_are_generated_as_on_the_cpu(tmp_path: Path) -> None:
    model = str(save_checkpoint(tmp_path / "model"))
    prompts = ["the a is", "of b the is"]
    here = generate(open_checkpoint(model, device="cpu"), prompts, max_new_tokens=6, temperature=0.8)
    with other_device():
        assert generate(open_checkpoint(model, device=NAME), prompts, max_new_tokens=6, temperature=0.8) == here
