"""The random change that is left in a model's precision is as large as the real one, however small that is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tiny_models import tiny_checkpoint
from torch import Tensor, nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.model_diff.random_delta import RandomDelta

SIZES = {"hidden_size": 128, "intermediate_size": 256}
"""Large enough for a hundredth of a matrix to be many values."""


def one_step_in_a_hundred(weight: Tensor, generator: torch.Generator) -> Tensor:
    """1 % of the values, each to the next one up."""
    moved = torch.rand(weight.shape, generator=generator) < 0.01
    return torch.where(moved, torch.nextafter(weight, torch.full_like(weight, float("inf"))), weight)


def low_rank(relative: float) -> Callable[[Tensor, torch.Generator], Tensor]:
    def changed(weight: Tensor, generator: torch.Generator) -> Tensor:
        a, b = (torch.randn(size, 2, generator=generator) for size in weight.shape)
        delta = a @ b.T
        return (weight.float() + delta * (relative * weight.float().norm() / delta.norm())).to(weight.dtype)

    return changed


def changed_copy(
    change: Callable[[Tensor, torch.Generator], Tensor], dtype: torch.dtype
) -> tuple[Checkpoint, Checkpoint]:
    """Two models that differ in the matrices of their blocks."""
    base, donor = (tiny_checkpoint("llama", dtype=dtype, **SIZES) for _ in range(2))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for block in donor.blocks:
            for weight in matrices(block).values():
                weight.copy_(change(weight, generator))
    return base, donor


def matrices(block: nn.Module) -> dict[str, Tensor]:
    return {name: weight for name, weight in block.named_parameters() if weight.ndim == 2}


def norm(a: Tensor, b: Tensor) -> float:
    first, second = (x.detach().double().numpy() for x in (a, b))
    return float(np.sqrt(((first - second) ** 2).sum()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize(
    "change",
    [one_step_in_a_hundred, *(low_rank(relative) for relative in (2e-4, 1e-3, 1e-2, 0.3))],
    ids=["one step", "2e-4", "1e-3", "1e-2", "0.3"],
)
def test_the_change_that_is_left_has_the_norm_of_the_real_one(
    change: Callable[[Tensor, torch.Generator], Tensor], dtype: torch.dtype
) -> None:
    base, donor = changed_copy(change, dtype)
    compared = 0
    for layer, block in enumerate(base.blocks):
        made, of_donor = (matrices(side) for side in (RandomDelta(base, donor, 3).block(layer), donor.blocks[layer]))
        for name, weight in matrices(block).items():
            real = norm(of_donor[name], weight)
            assert real > 0
            assert norm(made[name], weight) == pytest.approx(real, rel=0.05), name
            compared += 1
    assert compared == 7 * base.n_layers


def test_a_change_of_few_steps_is_answered_by_few_steps_up_and_down() -> None:
    base, donor = changed_copy(one_step_in_a_hundred, torch.bfloat16)
    own, made = (matrices(block) for block in (base.blocks[0], RandomDelta(base, donor).block(0)))
    moves = torch.cat([(made[name].float() - own[name].float()).flatten() for name in own])
    share = float((moves != 0).double().mean())
    # More of them than the donor moved, because small steps are preferred.
    assert 0 < share < 0.1
    up = float((moves[moves != 0] > 0).double().mean())
    assert 0.4 < up < 0.6


def test_what_the_donor_leaves_alone_stays_and_the_seed_decides_the_rest() -> None:
    base, donor = changed_copy(low_rank(1e-3), torch.bfloat16)
    made, again, other = (RandomDelta(base, donor, seed).block(1) for seed in (0, 0, 1))
    for name, weight in base.blocks[1].named_parameters():
        changed = weight.ndim == 2
        assert torch.equal(made.get_parameter(name), again.get_parameter(name))
        assert torch.equal(made.get_parameter(name), weight) is not changed
        assert torch.equal(made.get_parameter(name), other.get_parameter(name)) is not changed
