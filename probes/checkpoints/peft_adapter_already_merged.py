"""Do these weights hold an adapter's change already? Told from the weights alone, without the base they came from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.lora_delta import LoraDelta, LowRank, read_lora
from strata.probes.checkpoints.tensor_names import canonical_name
from strata.probes.errors import StrataError

Rows = Callable[[str, int, int], Float[Tensor, "rows columns"]]
"""Rows start..stop-1 of a weight by canonical name, in any precision and on any device."""

_AT_ONCE = 1024
"""Rows read at once: about 0.1 GB of the widest matrices in use, in float32."""
_NEAR = 0.1
"""How far from 1 the share may lie, all weights together."""
_SURE = 0.05
"""Largest standard error of that share at which anything is claimed."""
_TYPICAL = 2.0
"""Largest median distance from 1 of the shares of single matrices, in standard errors."""


def holds_change(rows: Rows, shapes: Mapping[str, tuple[int, ...]], delta: LoraDelta) -> bool:
    """Whether `delta` was added before to the weights of these `shapes`, by canonical name.

    The share of a change Δ in a weight W is ⟨W, Δ⟩ / ⟨Δ, Δ⟩. Weights don't know of a change that is yet to come: their
    share is 0 up to a standard error of rms(W) / ‖Δ‖, and adding Δ raises it by exactly 1. Measured on the embedded
    model and its two adapters, over 210 matrices: -0.007 before, 0.993 after, 0.15 and 0.23 in a model that holds the
    other one; the shares of single matrices lie at a median of 0.9 standard errors from 1 after, and of 8 or more before.
    A further training whose change points where an earlier one did has a share too, but not one of 1 everywhere.

    False also where the change is too small beside the weights to be found.
    """
    estimates = [
        _share(rows, name, change) for name, change in delta.changes.items() if shapes.get(name) == change.shape
    ]
    estimates = [estimate for estimate in estimates if estimate.size > 0]
    if not estimates:
        return False
    size = sum(estimate.size for estimate in estimates)
    share = sum(estimate.value * estimate.size for estimate in estimates) / size
    error = math.hypot(*(estimate.error * estimate.size for estimate in estimates)) / size
    if error > _SURE or abs(share - 1) > _NEAR:
        return False
    return median(abs(estimate.value - 1) / estimate.error for estimate in estimates) <= _TYPICAL


def refuse_held(rows: Rows, shapes: Mapping[str, tuple[int, ...]], adapter: LoraDelta, model: str) -> None:
    """Raises StrataError when `model`, of these weights, holds `adapter` already."""
    if holds_change(rows, shapes, adapter):
        raise StrataError(
            f"{model} holds the adapter {adapter.adapter} already: its change is found in the weights, and added once "
            "more it makes a model that nobody trained",
            f"Give {model} alone, or the adapter on the model it was trained on",
        )


def refuse_held_by(model: torch.nn.Module, adapter: str, name: str) -> None:
    """`refuse_held` for a model in memory. An adapter of a kind that is no low-rank sum is not looked into."""
    weights = {
        canonical_name(key): weight
        for key, weight in model.named_parameters()
        if weight.dim() == 2 and not weight.is_meta
    }
    shapes = {key: tuple(weight.shape) for key, weight in weights.items()}
    try:
        delta = read_lora(adapter)
    except StrataError:
        # Merging it tells what is wrong with it, if anything is: PEFT knows kinds of adapters that are no sums.
        return
    refuse_held(lambda key, start, stop: weights[key].detach()[start:stop], shapes, delta, name)


class _Share(NamedTuple):
    value: float
    error: float
    size: float
    """⟨Δ, Δ⟩"""


def _share(rows: Rows, name: str, change: LowRank) -> _Share:
    # Multiplied, not raised to a power: Python raises where that becomes too large.
    size = float(((change.high.T @ change.high) * (change.low @ change.low.T)).sum()) * change.scale * change.scale
    if not 0 < size < math.inf:  # no change, or one that is no number: the gate looks for those
        return _Share(0.0, math.inf, 0.0)
    inner = square = 0.0
    for start in range(0, change.shape[0], _AT_ONCE):
        values = rows(name, start, start + _AT_ONCE).float()
        low, high = (factor.to(values.device) for factor in (change.low, change.high))
        here = slice(start, start + len(values))
        # Without ever writing Δ out.
        both = (values @ high) * low[:, here].T if change.transposed else (values @ low.T) * high[here]
        inner += float(both.double().sum()) * change.scale
        square += float(values.double().square().sum())
    # Rounding alone keeps weights that are all 0 from being exactly what is looked for.
    spread = max(math.sqrt(square / math.prod(change.shape)), 1e-6)
    return _Share(inner / size, spread / math.sqrt(size), size)
