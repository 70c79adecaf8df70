"""Attribution patching is the slope of activation patching: what plain forward passes say of a small step towards the clean run."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, mixed_pairs, plain
from torch import Tensor

from strata.probes.interventions.attribution_patching import Part, attribute_pairs
from strata.probes.interventions.minimal_pairs import SPAN, Pair

STEP = 1e-2


def slope(model: PlainModel, pair: Pair, part: Part, at: int, layer: int) -> float:
    """Of answer − foil in the corrupted run, per whole way from its own contribution to the clean one's; from both sides."""
    clean, own = (model.contributions(prompt)[part, layer][at] for prompt in (pair.clean, pair.foil))
    ends: list[Tensor] = [own + sign * STEP * (clean - own) for sign in (1, -1)]
    up, down = (model.difference(pair, pair.foil.ids, {(part, layer): {at: end}}) for end in ends)
    return (up - down) / (2 * STEP)


@pytest.mark.parametrize("part", get_args(Part))
@pytest.mark.parametrize("architecture", REFERENCED)
def test_it_is_the_slope_of_a_plain_edit(architecture: str, part: Part, tiny_models: Any) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    model = plain(architecture, checkpoint)
    for position in ("last", "subject"):
        there = [pair for pair in pairs if position in pair.foil.positions]
        expected = [[slope(model, pair, part, pair.foil.positions[position], layer) for layer in range(checkpoint.n_layers)]
                    for pair in there]  # fmt: skip
        got = attribute_pairs(checkpoint, there, part, position)
        torch.testing.assert_close(got, torch.tensor(expected), rtol=1e-2, atol=3e-4)
        assert got.abs().max() > 0.01
    assert all(parameter.grad is None for parameter in checkpoint.model.parameters())


def test_a_pair_without_the_position_has_no_value_and_span_is_the_end_of_what_was_replaced(tiny_models: Any) -> None:
    checkpoint, pairs = tiny_models("llama"), mixed_pairs()
    found = attribute_pairs(checkpoint, pairs, "mlp_out", "subject")
    assert found.isnan().all(1).tolist() == [False, False, True, False]
    ends = attribute_pairs(checkpoint, pairs, "mlp_out", SPAN)
    for pair, at_subject, at_end in zip(pairs, found, ends, strict=True):
        assert at_end.isnan().all() if pair.replaced_end is None else True
        if pair.replaced_end == pair.foil.positions.get("subject"):
            torch.testing.assert_close(at_end, at_subject, equal_nan=True)
    assert attribute_pairs(checkpoint, [], "mlp_out", SPAN).shape == (0, checkpoint.n_layers)
