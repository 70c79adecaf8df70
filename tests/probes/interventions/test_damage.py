"""Damage is the divergence between two whole forward passes of the plain model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, plain
from torch import Tensor

from strata.probes.interventions.ablation import METHODS
from strata.probes.interventions.damage import damage
from strata.probes.interventions.intervention import Ablation
from strata.probes.rerun.shared_recordings import Runs

TEXTS = [tuple(torch.randint(5, 60, (n,), generator=torch.Generator().manual_seed(n)).tolist()) for n in (9, 7, 12)]
LAST = 4
ABLATIONS = [Ablation(method, name, window=window) for method in METHODS for name in ("block_out", "attn_out", "mlp_out")
        for window in (1, 2)]  # fmt: skip


def ablated_at(model: PlainModel, text: int, ablation: Ablation, layer: int) -> dict[int, Tensor]:
    """What stands in at the last tokens of a text: nothing, the others' mean, or the next text's."""
    runs = [model.run(ids)[1][ablation.component, layer][-LAST:] for ids in TEXTS]
    others = torch.stack([run for index, run in enumerate(runs) if index != text])
    given = {
        "zero": torch.zeros_like(runs[0]),
        "mean": others.mean((0, 1)).expand_as(runs[0]),
        "resample": runs[text - 1],
    }
    return dict(enumerate(given[ablation.measure], start=len(TEXTS[text]) - LAST))


@pytest.mark.parametrize("architecture", REFERENCED)
def test_damage_is_the_mean_divergence_of_the_last_tokens(tiny_models: Any, architecture: str) -> None:
    checkpoint = tiny_models(architecture)
    model = plain(architecture, checkpoint)
    divergences = damage(Runs(checkpoint), TEXTS, ABLATIONS, last_tokens=LAST)
    for ablation in ABLATIONS:
        assert divergences[ablation].shape == (3, checkpoint.n_layers - ablation.window + 1)
        for text, ids in enumerate(TEXTS):
            for start in range(checkpoint.n_layers - ablation.window + 1):
                with torch.no_grad():
                    layers = range(start, start + ablation.window)
                    edits = {(ablation.component, layer): ablated_at(model, text, ablation, layer) for layer in layers}
                    before, after = (model.run(ids, e)[0][-LAST:].double().softmax(-1) for e in ({}, edits))
                expected = (before * (before / after).log()).sum(-1).mean()
                assert float(divergences[ablation][text, start]) == pytest.approx(float(expected), rel=2e-3, abs=1e-5)


def test_a_text_left_over_borrows_from_the_batch_before_it(tiny_models: Any) -> None:
    divergences = damage(Runs(tiny_models("llama")), TEXTS, ABLATIONS, last_tokens=LAST, batch_tokens=2 * LAST)
    together = damage(Runs(tiny_models("llama")), TEXTS, ABLATIONS, last_tokens=LAST)
    for ablation in ABLATIONS:
        assert torch.equal(divergences[ablation], together[ablation])
