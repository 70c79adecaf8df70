"""What does one direction, added to a stream of the base, bring of what another model makes of a text that is already written?

The direction is the mean difference of the two models' streams over the same written tokens (difference of means, 2310.06824; for reasoning
models 2510.07364). How likely the written text becomes is read at every token of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.probes.backends.contract import Backend, Site, SiteEdit, streams_of
from strata.probes.backends.step_hooks import hook_place
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Batch, pad
from strata.probes.prompts.prompt import Prompt

BATCH_TOKENS = 1024
"""Tokens run at once: the logits of every written one are held."""


@dataclass(frozen=True)
class Written:
    """A prompt with what stands written behind it."""

    prompt: Prompt
    """Ids of both."""
    start: int
    """First written token; at least 1."""

    @property
    def length(self) -> int:
        return len(self.prompt.ids) - self.start


@dataclass(frozen=True)
class Steer:
    """A vector that is added to a stream wherever a written token is predicted."""

    stream: int
    vector: Float[Tensor, " d_model"]


def mean_streams(
    backend: Backend,
    checkpoint: Checkpoint,
    texts: Sequence[Written],
    progress: Progress = silent,
    stage: str = "streams",
) -> Float[Tensor, "stream d_model"]:
    """Streams 0..L, mean over texts of the mean over written tokens, in float64 on the CPU."""
    sites = streams_of(backend.n_layers)
    total = torch.zeros(len(sites), checkpoint.d_model, dtype=torch.float64)
    for done, rows in enumerate(_batches(texts)):
        members = [texts[row] for row in rows]
        batch = pad([one.prompt for one in members], checkpoint.pad_id).to(checkpoint.device)
        where, present = _written_columns(members, behind=0)
        values = backend.read(batch, sites, where.to(checkpoint.device)).stack(sites).cpu().double()
        weights = present.double() / present.sum(dim=1, keepdim=True)
        total += einsum(values, weights, "item stream position d_model, item position -> stream d_model")
        progress(stage, done + 1, None, "batches")
    return total / len(texts)


def written_log_probs(
    backend: Backend, checkpoint: Checkpoint, texts: Sequence[Written], steers: Sequence[Steer | None]
) -> Float[np.ndarray, "text steer"]:
    """Mean log-probability of a written token, in nats, of every text under every `steers` (None: the model as it is)."""
    out = np.full((len(texts), len(steers)), np.nan)
    needed = sorted({steer.stream for steer in steers if steer is not None})
    sites = [streams_of(backend.n_layers)[stream] for stream in needed]
    for rows in _batches(texts):
        members = [texts[row] for row in rows]
        batch = pad([one.prompt for one in members], checkpoint.pad_id).to(checkpoint.device)
        where, present = _written_columns(members, behind=1)
        where = where.to(checkpoint.device)
        plain = backend.read(batch, sites, where, logits=True)
        for column, steer in enumerate(steers):
            logits = plain.logits
            if steer is not None:
                logits = _steered(backend, batch, where, plain.values, steer)
            assert logits is not None
            out[rows, column] = _mean_log_prob(logits, members, present).numpy()
    return out


def _steered(
    backend: Backend, batch: Batch, where: Int[Tensor, "item position"], values: Mapping[Site, Tensor], steer: Steer
) -> Float[Tensor, "item position vocab"] | None:
    site = streams_of(backend.n_layers)[steer.stream]
    plain = values[site]
    # Nothing before the site changes, so what stands there plus the vector is the vector added.
    edit = SiteEdit(site, where, plain + steer.vector.to(plain))
    return backend.edit(batch, [edit], where, logits=True).logits


@contextmanager
def steered(checkpoint: Checkpoint, steer: Steer) -> Iterator[None]:
    """While open, the vector is added to the last token of every row that enters the stream: what a decoding loop predicts from.

    For batches padded on the left. Raises StrataError for a stream that there isn't.
    """
    n = checkpoint.n_layers
    if not 0 <= steer.stream <= n:
        raise StrataError(f"There is no stream {steer.stream}", f"Choose one of 0 to {n}")
    blocks = checkpoint.anatomy.blocks
    place = blocks[steer.stream].entering if steer.stream < n else blocks[-1].leaving
    with hook_place(place, lambda h: _added(h, steer.vector), changes=True):
        yield


def random_like(vector: Float[Tensor, " d_model"], n: int, seed: int) -> list[Float[Tensor, " d_model"]]:
    """`n` directions drawn at random, as long as `vector`."""
    drawn = torch.randn(n, len(vector), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return list(drawn / drawn.norm(dim=1, keepdim=True) * vector.double().norm())


def _added(h: Float[Tensor, "row column d_model"], vector: Tensor) -> Tensor:
    h = h.clone()
    h[:, -1] += vector.to(h)
    return h


def _batches(texts: Sequence[Written]) -> Iterator[list[int]]:
    """Alike in length, the longest first."""
    waiting = sorted(range(len(texts)), key=lambda row: -len(texts[row].prompt.ids))
    while waiting:
        size = max(1, BATCH_TOKENS // len(texts[waiting[0]].prompt.ids))
        yield waiting[:size]
        waiting = waiting[size:]


def _written_columns(
    texts: Sequence[Written], *, behind: int
) -> tuple[Int[Tensor, "item position"], Bool[Tensor, "item position"]]:
    """Columns of the written tokens, each so many to the left (1: where it is predicted); a shorter text's last one again, marked absent."""
    longest = max(one.length for one in texts)
    steps = repeat(torch.arange(longest), "position -> item position", item=len(texts))
    lengths = torch.tensor([[one.length] for one in texts])
    starts = torch.tensor([[one.start - behind] for one in texts])
    return starts + torch.minimum(steps, lengths - 1), steps < lengths


def _mean_log_prob(
    logits: Float[Tensor, "item position vocab"], texts: Sequence[Written], present: Bool[Tensor, "item position"]
) -> Float[Tensor, " item"]:
    ids = torch.zeros(present.shape, dtype=torch.long)
    for row, one in enumerate(texts):
        ids[row, : one.length] = torch.tensor(one.prompt.ids[one.start :])
    logits = logits.float()
    picked = logits.gather(-1, ids.to(logits.device)[..., None])[..., 0] - logits.logsumexp(dim=-1)
    picked = picked.double().cpu().masked_fill(~present, 0.0)
    return picked.sum(dim=1) / present.sum(dim=1)
