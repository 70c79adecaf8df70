"""What does a stream say over the whole vocabulary? Answered without ever holding rows × vocabulary.

The vocabulary comes by in chunks; each row keeps a running normaliser, mean logit, target logits, counts and top-k.
Two chunks merge like two parts of one mixture: log Z = log(Z₁ + Z₂), means weighted by their share of Z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.checkpoints.readout import Readout
from strata.probes.lens.topk import best_so_far, candidates, none_yet, values_and_ids

_SCRATCH = {"cpu": 3 * 2**19, "cuda": 2**24}  # logits held at once; larger buys no speed, smaller starves the matmul


_NARROW = 64


@dataclass(frozen=True)
class Reading:
    """What `read_rows` finds out about each row. On the read-out's device."""

    target_logits: Float[Tensor, "row target"]
    """After the output transform."""
    ranks: Int[Tensor, "row ranked"]
    """How many tokens of the whole vocabulary have a strictly larger logit than the target."""
    log_normaliser: Float[Tensor, " row"]
    """log Σ exp(logit), so that log-probability = logit − log_normaliser."""
    entropy: Float[Tensor, " row"]
    """Of the softmax, in nats."""
    top_ids: Int[Tensor, "row k"]
    """Best first; equal logits in the order of their ids."""
    top_logits: Float[Tensor, "row k"]
    """Their logits."""
    kl_to_last: Float[Tensor, " row"] | None
    """KL(last row of the group ‖ this row) in nats, if asked for."""


@dataclass(frozen=True)
class Tiling:
    """How many rows and columns of the logits exist at a time."""

    rows: int
    """A multiple of the group."""
    columns: int
    """Of the vocabulary."""

    @classmethod
    def for_shape(cls, rows: int, vocab: int, group: int, weight: Tensor) -> Tiling:
        """Enough work for one matmul, and at most about 1/16 of what rows × vocabulary would take in all."""
        scratch = _scratch(weight)
        # Half precision needs a float32 copy beside the logits, so it gets narrower chunks.
        parts = 16 if weight.dtype == torch.float32 else 32
        columns = min(-(-vocab // parts), max(2048, scratch // max(rows, 1)))
        columns = min(vocab, -(-columns // 64) * 64)
        return cls(group * max(1, min(rows, scratch // columns) // group), columns)


def read_rows(
    readout: Readout,
    normed: Float[Tensor, "row d_model"],
    targets: Int[Tensor, "row target"],
    *,
    ranked: int,
    top_k: int,
    columns: int,
    group: int | None = None,
) -> Reading:
    """Reads rows that are already normed, in the read-out's dtype and on its device.

    `targets` are valid token ids, the first `ranked` of them are ranked. With `group` the rows come in groups of that
    size and each is compared with the last of its group.
    """
    tally = _Tally.start(readout, normed, targets, top_k, group)
    weight, bias = readout.weight, readout.bias
    n_rows, vocab = len(normed), len(weight)
    logits = normed.new_empty(n_rows, columns)
    shares = torch.empty(n_rows, columns, dtype=torch.float32, device=normed.device)
    wide = logits if logits.dtype == torch.float32 else torch.empty_like(shares)
    counts = torch.zeros(n_rows, ranked, dtype=torch.float32, device=normed.device)
    for start in range(0, vocab, columns):
        width = min(columns, vocab - start)
        chunk, share, exact = logits[:, :width], shares[:, :width], wide[:, :width]
        _unembed(normed, weight[start : start + width], bias, start, chunk)
        readout.transform_in_place(chunk)
        if exact.dtype != chunk.dtype:
            exact.copy_(chunk)
        tally.see(exact, share, start)
        for column in range(ranked):  # `share` has been used up: it now holds the comparisons
            torch.gt(exact, tally.expected[:, column, None], out=share)
            counts[:, column] += share.sum(-1)
    ranks = counts.long()
    wrong = (tally.target_logits != tally.expected)[:, :ranked].any(-1).nonzero()[:, 0]
    if len(wrong):
        ranks[wrong] = _ranks_held_whole(readout, normed[wrong], targets[wrong, :ranked])
    top_logits, top_ids = values_and_ids(tally.best)
    return Reading(tally.target_logits, ranks, tally.log_z, tally.entropy(), top_ids, top_logits, tally.divergence())


@dataclass
class _Tally:
    """What is known of every row from the chunks seen so far."""

    targets: Int[Tensor, "row target"]
    expected: Float[Tensor, "row target"]
    """Target logits from a small matmul of their own: ranks must be counted before the target's chunk has been seen.
    Bit for bit what the chunk gives, except for rare roundings; rows where it isn't are counted again."""
    target_logits: Float[Tensor, "row target"]
    log_z: Float[Tensor, " row"]
    mean: Float[Tensor, " row"]
    """Σ p·logit over the chunks seen."""
    crossed: Float[Tensor, "group member"] | None
    """Σ p_last·logit over the chunks seen."""
    best: Int[Tensor, "row k"]

    @classmethod
    def start(
        cls, readout: Readout, normed: Tensor, targets: Int[Tensor, "row target"], top_k: int, group: int | None
    ) -> _Tally:
        unique, place = torch.unique(targets, return_inverse=True)
        # Very narrow matmuls take another kernel, which rounds otherwise: widen with repeats.
        unique = unique.repeat(-(-_NARROW // max(1, len(unique))))
        few = normed.new_empty(len(normed), len(unique))
        bias = readout.bias
        _unembed(normed, readout.weight[unique], None if bias is None else bias[unique], 0, few)
        readout.transform_in_place(few)
        zeros = torch.zeros(len(normed), dtype=torch.float32, device=normed.device)
        return cls(
            targets=targets,
            expected=few.float().gather(1, place),
            target_logits=torch.full(targets.shape, float("nan"), device=normed.device),
            log_z=zeros - torch.inf,
            mean=zeros,
            crossed=None if group is None else zeros.clone().view(-1, group),
            best=none_yet(len(normed), min(top_k, len(readout.weight)), normed.device),
        )

    def see(self, logits: Float[Tensor, "row column"], share: Float[Tensor, "row column"], start: int) -> None:
        """Takes in one chunk of float32 logits; `share` is scratch of the same shape."""
        width = logits.shape[1]
        place = self.targets - start
        here = (place >= 0) & (place < width)
        gathered = logits.gather(1, place.clamp(0, width - 1))
        self.target_logits = torch.where(here, gathered, self.target_logits)

        if self.best.shape[1]:
            self.best = best_so_far(self.best, candidates(logits, start, self.best.shape[1]))
        torch.softmax(logits, -1, out=share)
        # softmax is several times quicker than logsumexp; its largest entry is exp(max − log Z).
        log_z = logits.amax(-1) - share.amax(-1).log()
        merged = torch.logaddexp(self.log_z, log_z)
        weight = (log_z - merged).exp()
        self.log_z = merged
        if self.crossed is not None:
            group = self.crossed.shape[1]
            last = share[group - 1 :: group]  # one row of probabilities a group
            members = rearrange(logits, "(group member) column -> group member column", member=group)
            crossed = torch.einsum("gmv,gv->gm", members, last)
            self.crossed = self.crossed + weight[group - 1 :: group, None] * (crossed - self.crossed)
        self.mean = self.mean + weight * (share.mul_(logits).sum(-1) - self.mean)

    def entropy(self) -> Float[Tensor, " row"]:
        return (self.log_z - self.mean).clamp(min=0)

    def divergence(self) -> Float[Tensor, " row"] | None:
        if self.crossed is None:
            return None
        group = self.crossed.shape[1]
        last_entropy = (self.log_z - self.mean).view(-1, group)[:, -1:]
        divergence = self.log_z.view(-1, group) - self.crossed - last_entropy
        return divergence.clamp(min=0).reshape(-1)


def _scratch(at: Tensor) -> int:
    return _SCRATCH.get(at.device.type, _SCRATCH["cpu"])


def _unembed(
    normed: Float[Tensor, "row d_model"],
    weight: Float[Tensor, "column d_model"],
    bias: Float[Tensor, " vocab"] | None,
    start: int,
    out: Float[Tensor, "row column"],
) -> None:
    if bias is None:
        torch.mm(normed, weight.T, out=out)
    else:
        torch.addmm(bias[start : start + len(weight)], normed, weight.T, out=out)


def _ranks_held_whole(
    readout: Readout, normed: Float[Tensor, "row d_model"], targets: Int[Tensor, "row ranked"]
) -> Int[Tensor, "row ranked"]:
    """Ranks of a few rows with their vocabulary held whole, so that targets and others are rounded alike."""
    ranks = torch.empty_like(targets)
    step = max(1, _scratch(normed) // len(readout.weight))
    for start in range(0, len(normed), step):
        rows = slice(start, start + step)
        logits = readout.transform(torch.nn.functional.linear(normed[rows], readout.weight, readout.bias))
        own = logits.gather(1, targets[rows])
        for column in range(targets.shape[1]):
            ranks[rows, column] = (logits > own[:, column, None]).sum(-1)
    return ranks
