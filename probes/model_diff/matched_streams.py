"""The streams of one model at a named token of every prompt, for comparison with another model's at the same token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.batched_reads import BatchBudget, capture_batches
from strata.probes.backends.contract import Site, streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt

_TOKENS = {"cpu": 1024, "cuda": 16_384}


def streams_at(
    checkpoint: Checkpoint,
    prompts: Sequence[Prompt],
    position: str = "last",
    *,
    sites: Sequence[Site] | None = None,
    progress: Progress = silent,
    stage: str = "matched streams",
) -> Float[Tensor, "item stream d_model"]:
    """Streams 0..L (or other `sites`) at `position`, in the order of `prompts`, in the model's dtype on the CPU.

    Raises StrataError for a prompt that lacks the position, or has it at its first token, whose massive activation
    would be all that a similarity sees.
    """
    for prompt in prompts:
        if prompt.positions.get(position, 0) == 0:
            raise StrataError(
                f"{prompt.key} has no {position!r} beyond its first token",
                "Compare streams at another position, or leave the item out",
            )
    # A fixed size: two runs share their batches, and a model compared with itself shows no rounding.
    tokens = _TOKENS.get(checkpoint.device.type, _TOKENS["cuda"])
    budget = BatchBudget.for_device(checkpoint.device, tokens)
    sites = streams_of(checkpoint.n_layers) if sites is None else sites
    shape = (len(prompts), len(sites), checkpoint.d_model)
    streams = torch.empty(shape, dtype=checkpoint.dtype)
    batches = capture_batches(
        TorchHooks(checkpoint), prompts, pad_id=checkpoint.pad_id, device=checkpoint.device, sites=sites, positions=(position,),
        budget=budget, progress=progress, stage=stage,
    )  # fmt: skip
    for batch in batches:
        streams[list(batch.rows)] = batch.values[:, :, 0].to(streams)
    return streams
