"""What every head put out and where it looked, in a run that is already recorded.

Only the asked-for columns are computed again, a few per cent of a forward pass, so a recording needn't hold them.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import NotSupportedError
from strata.probes.rerun.recording import Recording
from strata.probes.rerun.rerun_block import rerun_block


def output_projection_of(checkpoint: Checkpoint, layer: int) -> nn.Module:
    """The map from the heads' outputs to what attention writes. Raises NotSupportedError where none is known."""
    projection = checkpoint.anatomy.blocks[layer].output_projection
    if projection is None:
        raise NotSupportedError(name_of(checkpoint.model), "no output projection of its attention was found by name")
    return projection


def head_outputs(recording: Recording, where: Int[Tensor, " item"]) -> Float[Tensor, "item layer head d_head"]:
    """Each query head's output before the output projection, at column `where` of each item, in the model's dtype.

    Raises NotSupportedError where heads can't be told apart, NoRestartError where blocks can't be called from outside.
    """
    start = int(where.min())
    items = torch.arange(len(where))
    seen: list[Tensor] = []

    def keep(_module: nn.Module, args: tuple[Any, ...]) -> None:
        given = args[0].view(len(where), recording.n_columns - start, -1)
        seen.append(given[items.to(given.device), (where - start).to(given.device)].cpu())

    with torch.no_grad():
        for layer in range(recording.n_layers):
            handle = output_projection_of(recording.checkpoint, layer).register_forward_pre_hook(keep)
            try:
                rerun_block(recording, layer, recording.streams[layer][None, :, start - recording.first :], start)
            finally:
                handle.remove()
    widths = {recording.attention[layer].values.shape[-1] for layer in range(recording.n_layers)}
    sizes = {part.shape[-1] for part in seen}
    if len(seen) != recording.n_layers or len(widths) != 1 or len(sizes) != 1 or next(iter(sizes)) % next(iter(widths)):
        name = name_of(recording.checkpoint.model)
        raise NotSupportedError(name, "its heads don't stand side by side before the output projection of every block")
    return rearrange(torch.stack(seen, 1), "b l (n d) -> b l n d", d=next(iter(widths)))


def attention_paid(recording: Recording, sources: Int[Tensor, " item"]) -> Float[Tensor, "item layer head"]:
    """Attention weight of the last column on column `sources` of each item, by query head."""
    last = recording.n_columns - 1
    items = torch.arange(len(sources))
    seen: list[Tensor] = []

    def keep(weights: Float[Tensor, "item group run repeat query token"]) -> None:
        by_head = rearrange(weights, "b g 1 r 1 c -> b (g r) c")
        seen.append(by_head[items.to(weights.device), :, sources.to(weights.device)].float().cpu())

    with torch.no_grad():
        for layer in range(recording.n_layers):
            rerun_block(recording, layer, recording.streams[layer][None, :, -1:], last, watch=keep)
    return torch.stack(seen, 1)
