"""Attribution is the derivative of the logit difference along clean − foil, and only as good as a straight line."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, mixed_pairs, plain
from tiny_models import tiny_checkpoint

from strata.probes.causal.activation_patching import Line, patch_pairs
from strata.probes.causal.attribution import CONTRIBUTIONS, attribution
from strata.probes.causal.pairs import Pair
from strata.probes.checkpoints.checkpoint import Checkpoint

STEP = 1e-2
"""Norms compute in float32 whatever the model's dtype, so a smaller step would measure their rounding."""


def slope(model: PlainModel, pair: Pair, component: str, layer: int, token: int) -> float:
    """Central difference over a small step of one contribution towards its clean value."""
    own, clean = (model.contributions(prompt)[component, layer][token] for prompt in (pair.foil, pair.clean))
    ahead, behind = (
        model.difference(pair, pair.foil.ids, {(component, layer): {token: own + sign * STEP * (clean - own)}})
        for sign in (1, -1)
    )
    return (ahead - behind) / (2 * STEP)


@pytest.mark.parametrize("architecture", REFERENCED)
def test_attribution_is_the_derivative_towards_the_clean_piece(architecture: str) -> None:
    # Hugging Face's eager attention makes a padded row of a float64 Gemma 2 not-a-number.
    dtype = torch.float32 if architecture == "gemma2" else torch.float64
    checkpoint, pairs = tiny_checkpoint(architecture, dtype=dtype), mixed_pairs()
    model = plain(architecture, checkpoint)
    (batch,) = attribution(checkpoint, pairs, ["last", "subject", "early", "nowhere"])
    for place, row in enumerate(batch.rows):
        pair = pairs[row]
        for (component, position), values in batch.shift.items():
            token = pair.clean.positions.get(position, -1)
            if token < pair.first_difference:
                assert values[place].isnan().all()
                continue
            expected = [slope(model, pair, component, layer, token) for layer in range(checkpoint.n_layers)]
            assert values[place].tolist() == pytest.approx(expected, rel=5e-3, abs=1e-3)


def collected(checkpoint: Checkpoint, pairs: list[Pair], **options: Any) -> dict[tuple[str, str], torch.Tensor]:
    shifts: dict[tuple[str, str], torch.Tensor] = {}
    for batch in attribution(checkpoint, pairs, ["last", "subject"], **options):
        for key, values in batch.shift.items():
            shifts.setdefault(key, torch.full((len(pairs), checkpoint.n_layers), torch.nan))[list(batch.rows)] = values
    return shifts


def test_attributions_do_not_depend_on_the_batch(tiny_models: Any) -> None:
    pairs = mixed_pairs()
    together, in_ones = (collected(tiny_models("gemma2"), pairs, batch_tokens=tokens) for tokens in (None, 1))
    for key, values in together.items():
        torch.testing.assert_close(in_ones[key], values, rtol=1e-3, atol=1e-4, equal_nan=True)


def test_a_tiny_difference_is_attributed_exactly() -> None:
    """Where clean and foil hardly differ the straight line is the effect: the preview and the instrument agree."""
    checkpoint = tiny_checkpoint("llama", dtype=torch.float64)
    pairs = mixed_pairs()
    table = checkpoint.model.get_input_embeddings().weight
    with torch.no_grad():
        table.copy_(table[5] + 0.03 * (table - table[5]))
    (exact,) = patch_pairs(checkpoint, pairs, [Line("denoise", name, "last") for name in CONTRIBUTIONS])
    (preview,) = attribution(checkpoint, pairs, ["last"])
    for name in CONTRIBUTIONS:
        effect = exact.shift[Line("denoise", name, "last")].flatten()
        attributed = preview.shift[name, "last"].flatten()
        assert float(torch.corrcoef(torch.stack([effect, attributed]))[0, 1]) > 0.99


def test_neither_gradients_nor_hooks_are_left_behind() -> None:
    # A model of its own: on a shared one transformers leaves hooks of its own once a test asks for hidden states.
    checkpoint = tiny_checkpoint("gpt2")
    list(attribution(checkpoint, mixed_pairs(), ["last"]))
    assert all(parameter.grad is None for parameter in checkpoint.model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in checkpoint.model.modules())
