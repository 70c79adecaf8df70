"""The sweep that docs/patching.md shows is the one that `strata bench` times, and both ways give equal numbers."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from strata.dashboards.benchmarks.patching_sweep import sweep_with_strata, sweep_with_transformer_lens
from strata.experiments.items.load import load_items
from strata.probes.backends.transformer_lens import TransformerLensBackend
from strata.probes.checkpoints.checkpoint import Checkpoint

DOCUMENT = Path(__file__).parents[2] / "docs" / "patching.md"


def test_the_document_shows_what_is_timed() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for function in (sweep_with_transformer_lens, sweep_with_strata):
        assert f"```python\n{inspect.getsource(function)}```" in text


@pytest.mark.thorough
@pytest.mark.model
def test_both_ways_give_equal_numbers_on_pairs_of_unequal_lengths(smollm2: Checkpoint) -> None:
    items: list[Any] = load_items("capital", per_family=2, checkpoint=smollm2)
    assert len({len(smollm2.encode(item.prompt)) for item in items}) > 1
    layers = [0, 24]
    with torch.no_grad():
        expected = sweep_with_transformer_lens(TransformerLensBackend(smollm2).bridge, smollm2.tokenizer, items, layers)
    torch.testing.assert_close(sweep_with_strata(smollm2, items)[:, :, layers], expected, rtol=0, atol=1e-3)
