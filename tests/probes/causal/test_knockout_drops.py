"""A knocked-out edge costs what it costs in the plain model, one unpadded prompt at a time, with that edge masked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from plain_interventions import mixed_pairs
from tiny_models import tiny_checkpoint
from torch import Tensor

from strata.probes.causal.knockout import knockout
from strata.probes.causal.pairs import Pair
from strata.probes.checkpoints.checkpoint import Checkpoint

SPANS = ["subject", "early", "last", "nowhere"]


def collected(checkpoint: Checkpoint, pairs: Sequence[Pair], window: int, **options: Any) -> dict[str, Tensor]:
    drops: dict[str, Tensor] = {}
    for batch in knockout(checkpoint, pairs, SPANS, window=window, **options):
        for span, values in batch.drop.items():
            drops.setdefault(span, torch.full((len(pairs), values.shape[1]), torch.nan))[list(batch.rows)] = values
    return drops


def masked_difference(model: Any, blocks: Any, pair: Pair, layers: range, source: int | None) -> float:
    """Eager attention spells its additive mask out; the edge source → last gets the lowest number."""

    def hide(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def cut(value: Any) -> Any:
            if not torch.is_tensor(value) or value.ndim != 4:
                return value
            value = value.clone()
            value[:, :, -1, source] = torch.finfo(value.dtype).min
            return value

        return tuple(cut(value) for value in args), {name: cut(value) for name, value in kwargs.items()}

    handles = [blocks[n].register_forward_pre_hook(hide, with_kwargs=True) for n in layers if source is not None]
    ids = torch.tensor([pair.clean.ids])
    try:
        with torch.no_grad():
            end = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
    return float(end[pair.answer_id] - end[pair.foil_id])


@pytest.mark.parametrize("window", [1, 2, 9])
@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_a_drop_is_that_of_the_plain_model_with_the_edge_masked(
    tiny_models: Any, architecture: str, window: int
) -> None:
    """A window longer than the model is the whole model; a span that is `last` itself hides nothing and has no value."""
    pairs, reference = mixed_pairs(), tiny_checkpoint(architecture)
    reference.model.set_attn_implementation("eager")
    drops = collected(tiny_models(architecture), pairs, window)
    assert set(drops) == {"subject", "early"}
    for row, pair in enumerate(pairs):
        intact = masked_difference(reference.model, reference.blocks, pair, range(0), None)
        for span, values in drops.items():
            source = pair.clean.positions.get(span)
            if source is None:
                assert values[row].isnan().all()
                continue
            size = min(window, 3)
            left = [
                masked_difference(reference.model, reference.blocks, pair, range(start, start + size), source)
                for start in range(3 - size + 1)
            ]
            assert values[row].tolist() == pytest.approx([intact - value for value in left], rel=1e-3, abs=2e-4)


def test_drops_do_not_depend_on_the_batch(tiny_models: Any) -> None:
    pairs = mixed_pairs()
    together, in_ones = (collected(tiny_models("llama"), pairs, 2, batch_tokens=tokens) for tokens in (None, 1))
    for span, values in together.items():
        torch.testing.assert_close(in_ones[span], values, rtol=1e-3, atol=1e-4, equal_nan=True)
