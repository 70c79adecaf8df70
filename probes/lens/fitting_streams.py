"""The residual stream over a text that lenses are fitted on, a bounded number of streams at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backends.contract import streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Batch

_BUDGET = 2**30  # bytes of captured streams held at once
_TOKENS_A_PASS = 1024


@dataclass(frozen=True)
class TextStreams:
    """Some streams at every token of a text but the first of each sequence (where activations are massive)."""

    streams: dict[int, Float[Tensor, "sequence token d_model"]]
    """Stream index to its values, float32 on the CPU."""
    last: Float[Tensor, "sequence token d_model"]
    """Stream L at the same tokens."""


def in_groups(checkpoint: Checkpoint, ids: Int[Tensor, "sequence token"]) -> list[range]:
    """Streams 0..L−1 in groups whose capture fits the budget; usually one group."""
    each = ids.numel() * checkpoint.d_model * 4
    size = max(1, _BUDGET // each - 1)
    return [range(at, min(at + size, checkpoint.n_layers)) for at in range(0, checkpoint.n_layers, size)]


def streams_over(
    checkpoint: Checkpoint,
    ids: Int[Tensor, "sequence token"],
    streams: Sequence[int],
    *,
    progress: Progress = silent,
) -> TextStreams:
    """One pass over the text, keeping `streams` and stream L."""
    sites = streams_of(checkpoint.n_layers)
    wanted = (*streams, checkpoint.n_layers)
    backend = TorchHooks(checkpoint)
    by_stream: dict[int, list[Tensor]] = {stream: [] for stream in wanted}
    for done, batch in _batches(ids):
        read = backend.read(batch, [sites[stream] for stream in wanted]).values
        for stream in wanted:
            by_stream[stream].append(read[sites[stream]][:, 1:].float().cpu())
        progress("text streams", done, len(ids), "sequences")
    whole = {stream: torch.cat(parts) for stream, parts in by_stream.items()}
    return TextStreams({stream: whole[stream] for stream in streams}, whole[checkpoint.n_layers])


def rows_of(h: Float[Tensor, "sequence token d_model"]) -> Float[Tensor, "row d_model"]:
    """Every token a row."""
    return rearrange(h, "sequence token d_model -> (sequence token) d_model")


def _batches(ids: Int[Tensor, "sequence token"]) -> Iterator[tuple[int, Batch]]:
    step = max(1, _TOKENS_A_PASS // ids.shape[1])
    for at in range(0, len(ids), step):
        part = ids[at : at + step]
        places = torch.arange(ids.shape[1]).expand_as(part)
        yield at + len(part), Batch(part, torch.ones_like(part), places, torch.zeros(len(part), dtype=torch.long))
