"""The planned work of interventions is what the model then does, block call by block call."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.experiments.locate.causal.intervene import intervene
from strata.experiments.locate.causal.workload import work_of
from strata.experiments.locate.config import LocateConfig
from strata.probes.causal.pairs import Pair
from strata.probes.prompts import Prompt
from strata.probes.store import ActivationStore


def pair_of(key: str, length: int, differs: int, seed: int) -> Pair:
    ids = torch.randint(5, 40, (length,), generator=torch.Generator().manual_seed(seed)).tolist()
    other = [*ids[:differs], 41 + seed, *ids[differs + 1 :]]
    positions = {"subject": differs, "last": length - 1}
    return Pair(
        key, Prompt(key, tuple(ids), positions), Prompt(key, tuple(other), positions), 7 + seed, 20 + seed, "one"
    )


@pytest.mark.parametrize("causal_map", ["quick", "default", "full"])
def test_planned_work_is_the_work_done(causal_map: str, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("llama")
    config = LocateConfig(causal_map=causal_map)
    pairs = [pair_of("a", 10, 4, 1), pair_of("b", 10, 4, 2), pair_of("c", 10, 4, 3)]
    reference = [pair_of("d", 10, 4, 4), pair_of("e", 10, 4, 5)]
    passed = 0

    def count(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal passed
        h = args[0] if args else kwargs["hidden_states"]
        passed += h.shape[0] * h.shape[1]

    with ExitStack() as hooks:
        for block in checkpoint.blocks:
            hooks.callback(block.register_forward_pre_hook(count, with_kwargs=True).remove)
        intervene(checkpoint, pairs, reference, ActivationStore(tmp_path / "store", {}), config)
    planned = work_of(pairs, reference, config, checkpoint.n_layers)
    # A backward pass is counted as two more, and every recording has one padded column.
    backward = 2 * sum(pair.reach for pair in pairs)
    padding = 2 * len(pairs) + len(reference)
    assert passed / checkpoint.n_layers == pytest.approx(planned - backward + padding)


def test_no_interventions_are_no_work() -> None:
    from strata.experiments.locate.causal.workload import intervention_tokens

    assert intervention_tokens([], LocateConfig(causal_map="none"), 30) == 0
