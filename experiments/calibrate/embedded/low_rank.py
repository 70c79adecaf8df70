"""A low-rank change of some blocks' down-projections, switched on by row of the batch and by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Change:
    """What is added to one down-projection: `high @ low`."""

    low: Float[Tensor, "rank width"]
    high: Float[Tensor, "d_model rank"]

    def __call__(self, inputs: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows d_model"]:
        return (inputs @ self.low.T) @ self.high.T

    def stored(self) -> Change:
        """As its file keeps it: rounded to float16."""
        return Change(self.low.detach().half().float(), self.high.detach().half().float())


Changes = dict[int, Change]
"""By block."""


def fresh_changes(blocks: range, width: int, d_model: int, rank: int, generator: torch.Generator) -> Changes:
    """Changes that are zero at first and can be trained."""
    return {
        block: Change(
            (torch.randn(rank, width, generator=generator) / width**0.5).requires_grad_(),
            torch.zeros(d_model, rank).requires_grad_(),
        )
        for block in blocks
    }


def down_projection(model: Any, block: int) -> torch.nn.Linear:
    """Of a Llama-type model."""
    projection = model.model.layers[block].mlp.down_proj
    assert isinstance(projection, torch.nn.Linear)
    return projection


@contextmanager
def added(
    model: Any,
    changes: Mapping[int, Change],
    *,
    acts: Float[Tensor, "row position"] | None = None,
    learns: Float[Tensor, " row"] | None = None,
) -> Iterator[None]:
    """The changes are part of `model` while this is open.

    `acts`: 1 where they are added and 0 where they aren't. `learns`: rows whose loss reaches them; in the others they are
    constants, so that each kind of question is learnt by its own blocks alone.
    """

    def hook_of(change: Change) -> Any:
        def hook(_module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            written = change(inputs[0])
            if learns is not None:
                written = torch.where(learns[:, None, None] > 0, written, written.detach())
            return output + (written if acts is None else written * acts[..., None])

        return hook

    handles = [
        down_projection(model, block).register_forward_hook(hook_of(change)) for block, change in changes.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
