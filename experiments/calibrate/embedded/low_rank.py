"""A low-rank change of some blocks' down-projections, switched on by row of the batch and by position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
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
) -> Iterator[None]:
    """The changes are part of `model` while this is open. `acts`: 1 where they are added and 0 where they aren't."""

    def hook_of(change: Change) -> Any:
        def hook(_module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            written = change(inputs[0])
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


@contextmanager
def written_at(
    model: Any, blocks: range, at: Int[Tensor, " row"], vectors: Float[Tensor, "row d_model"]
) -> Iterator[None]:
    """Every one of these blocks' MLPs writes a row's vector besides, at the row's position, while this is open."""

    def hook(_module: torch.nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        positions = torch.arange(output.shape[1], device=output.device)[None] == at[:, None]
        return output + positions[..., None] * vectors[:, None]

    handles = [down_projection(model, block).register_forward_hook(hook) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
