"""One plain run of a body, and its blocks called one by one: the same modules, so the same bits."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from strata.probes.backends.step_hooks import given_beside, hook_output, stream_given
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignKwargs
from strata.probes.prompts.row_layout import Layout
from strata.probes.rerun.recording import BlockCall


@dataclass(frozen=True)
class BodyRun:
    """What went through a body with the model's own attention."""

    streams: tuple[Float[Tensor, "row column d_model"], ...]
    """Stream 0 to stream L, in the model's dtype, each where its block computed it."""
    calls: tuple[BlockCall, ...]
    """What each block was handed beside the stream: its mask, its position embeddings."""


def run_body(checkpoint: Checkpoint, layout: Layout) -> BodyRun:
    """Runs `layout` once. Raises StrataError where blocks hand on several streams a token, or aren't each called exactly once."""
    if checkpoint.anatomy.n_streams > 1:
        raise StrataError(
            f"{type(checkpoint.body).__name__} has {checkpoint.anatomy.n_streams} streams a token",
            "Blocks are exchanged between models with one stream",
        )
    streams: list[Tensor] = []
    calls: list[BlockCall] = []

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: ForeignKwargs) -> None:
        streams.append(stream_given(module, args, kwargs).clone())
        calls.append(BlockCall(*given_beside(module, args, kwargs)))

    def keep_last(h: Tensor) -> Tensor:
        streams.append(h.clone())
        return h

    with ExitStack() as hooks, torch.no_grad():
        for block in checkpoint.blocks:
            hooks.callback(block.register_forward_pre_hook(enter, with_kwargs=True).remove)
        hooks.enter_context(hook_output(checkpoint.blocks[-1], keep_last, changes=False))
        checkpoint.body(input_ids=layout.ids.to(checkpoint.device), use_cache=False, **_places(checkpoint, layout))
    if len(calls) != checkpoint.n_layers:
        raise StrataError(
            f"{type(checkpoint.body).__name__} called {len(calls)} of its {checkpoint.n_layers} blocks",
            "This architecture can't be taken apart block by block",
        )
    return BodyRun(tuple(streams), tuple(calls))


def _places(checkpoint: Checkpoint, layout: Layout) -> dict[str, Tensor]:
    device = checkpoint.device
    if layout.position_ids is None:
        return {}
    if layout.sees is None:
        # Rows that are only padded need nothing, see `body_inputs`, except where each is embedded by its own length.
        if layout.mask is None or not checkpoint.is_stretched(layout.ids.shape[1]):
            return {}
        return {"attention_mask": layout.mask.to(device), "position_ids": layout.position_ids.to(device)}
    # Added to the attention scores: the one form that every implementation takes.
    added = torch.zeros(layout.sees.shape, dtype=checkpoint.dtype)
    added.masked_fill_(~layout.sees, torch.finfo(checkpoint.dtype).min)
    return {"attention_mask": added.to(device), "position_ids": layout.position_ids.to(device)}


def run_block(
    block: nn.Module, call: BlockCall, h: Float[Tensor, "row column d_model"]
) -> Float[Tensor, "row column d_model"]:
    """The stream that leaves `block` when `h` enters it; `h` is brought to the block's device."""
    own = next(block.parameters(), h)
    device = h.device if own.device.type == "meta" else own.device
    with torch.no_grad():
        output = block(h.to(device), *call.args, **call.kwargs)
    return output[0] if isinstance(output, (tuple, list)) else output
