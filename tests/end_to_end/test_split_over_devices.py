"""A model that lies on two devices, as accelerate's device maps lay it: the numbers of the model in one piece."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from accelerate import dispatch_model
from other_device import NAME, other_device
from planted_models import Planted, write_planted
from small_comparison import CONFIG, LOCATE, SHAPE, compared, few_items, without_probes
from small_world import other, save_checkpoint, write_items

from strata.experiments.compare.model_specs import Specs
from strata.experiments.locate.pipeline import locate
from strata.probes.backends.contract import Site, SiteName
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.decoding.generate import generate
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt

TABLES = ("behaviour", "profiles", "windows", "places", "emergence")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planted, Path, Path]:
    """The model, its items, and its run in one piece."""
    folder = tmp_path_factory.mktemp("whole")
    planted = write_planted(folder, **SHAPE)
    items = few_items(planted, folder / "items.jsonl")
    with without_probes():
        locate(open_checkpoint(str(planted.checkpoint), device="cpu"), LOCATE, folder / "run", items=items)
    return planted, items, folder / "run"


def split(checkpoint: Checkpoint, first: str, rest: str, at: int = 2) -> Checkpoint:
    """The embedding and the blocks before `at` on one device, everything else on the other."""
    places = {"model.embed_tokens": first, "model.rotary_emb": first, "model.norm": rest, "lm_head": rest}
    places |= {f"model.layers.{block}": first if block < at else rest for block in range(checkpoint.n_layers)}
    # What lies on the CPU beside another device would be taken for offloaded, and run over there.
    dispatch_model(checkpoint.model, places, main_device="cpu", force_hooks=True)
    assert {weight.device.type for weight in checkpoint.model.parameters()} == {"cpu", NAME}
    return checkpoint


def test_streams_lenses_and_interventions_say_the_same(planted: tuple[Planted, Path, Path], tmp_path: Path) -> None:
    made, items, whole = planted
    with other_device(), without_probes():
        checkpoint = split(open_checkpoint(str(made.checkpoint), device="cpu"), "cpu", f"{NAME}:0")
        assert checkpoint.device == torch.device("cpu")
        locate(checkpoint, LOCATE, tmp_path / "run", items=items)
    for table in TABLES:
        ours, theirs = (pq.read_table(run / f"{table}.parquet").to_pandas() for run in (whole, tmp_path / "run"))
        assert len(ours), table
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-3, atol=1e-4, obj=table)


@pytest.mark.parametrize("there_first", [True, False])
def test_every_site_is_read_on_both_sides_of_the_split(tmp_path: Path, there_first: bool) -> None:
    model = str(save_checkpoint(tmp_path / "model"))
    whole = open_checkpoint(model, device="cpu")
    batch = pad([Prompt("p", whole.encode("the a is in the"))], whole.pad_id)
    sites = [Site(name, layer) for layer in range(whole.n_layers) for name in get_args(SiteName)]
    expected = TorchHooks(whole).read(batch, sites, logits=True)
    with other_device():
        places = (f"{NAME}:0", "cpu") if there_first else ("cpu", f"{NAME}:0")
        read = TorchHooks(split(open_checkpoint(model, device="cpu"), *places, at=1)).read(batch, sites, logits=True)
        assert expected.logits is not None and read.logits is not None
        torch.testing.assert_close(read.logits.cpu(), expected.logits)
        for site in sites:
            torch.testing.assert_close(read.values[site].cpu(), expected.values[site], msg=str(site))


@pytest.mark.thorough
def test_a_comparison_with_every_measure_runs_to_its_end(tmp_path: Path) -> None:
    base = save_checkpoint(tmp_path / "base")
    specs = Specs(str(base), str(other(tmp_path / "other", base, seed=1)))
    config = replace(CONFIG, locate=replace(LOCATE, pairs=2), swap_pairs=2, contrast_items=1)
    with other_device():

        def opener(spec: str) -> Checkpoint:
            return split(open_checkpoint(spec, device="cpu"), f"{NAME}:0", "cpu", at=1)

        openers = {role: partial(opener, spec) for role, spec in specs.by_role().items()}
        items = write_items(tmp_path / "items.jsonl")
        comparison = compared(specs, tmp_path / "run", items, config=config, openers=openers, probed=True)
    assert comparison["not_comparable"] == []


def test_answers_are_generated_as_on_one(tmp_path: Path) -> None:
    model, prompts = str(save_checkpoint(tmp_path / "model")), ["the a is", "of b the is"]
    whole = generate(open_checkpoint(model, device="cpu"), prompts, max_new_tokens=6, temperature=0.8)
    with other_device():
        over_two = split(open_checkpoint(model, device="cpu"), f"{NAME}:0", "cpu", at=1)
        assert generate(over_two, prompts, max_new_tokens=6, temperature=0.8) == whole
