"""What each query head adds to the stream: its own share of what the output projection writes."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.block_steps import sole_source
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import NotSupportedError
from strata.probes.lens.frozen_norm import frozen_norm
from strata.probes.rerun.head_outputs import output_projection_of


def head_pieces(
    checkpoint: Checkpoint, layer: int, outputs: Float[Tensor, "item head d_head"]
) -> Float[Tensor, "item head d_model"]:
    """Each head's output through the output projection, in float32 on the CPU, without the projection's bias.

    Where a norm stands between the projection and the stream, it keeps the scale that all heads together give it.
    Raises NotSupportedError where heads can't be told apart, or where something else stands there.
    """
    projection, source = output_projection_of(checkpoint, layer), sole_source(checkpoint.anatomy.blocks[layer].mixer)
    if source is None:
        raise NotSupportedError(name_of(checkpoint.model), f"block {layer} adds more than what its heads put out")
    like = next(projection.parameters())
    given = outputs.to(like)
    n_heads = outputs.shape[1]
    alone = torch.eye(n_heads, dtype=given.dtype, device=given.device)[:, :, None] * given[:, None]
    with torch.no_grad():
        nothing = projection(given.new_zeros(1, 1, given.shape[1] * given.shape[2]))
        pieces = projection(rearrange(alone, "b n m d -> b n (m d)")) - nothing
        together = projection(rearrange(given, "b n d -> b 1 (n d)"))[:, 0]
    pieces = pieces.float().cpu()
    if projection not in set(source.module.modules()):
        pieces = frozen_norm(source.module, together).of_parts(pieces)
    return pieces * source.scale
