"""How many bits do the labels cost a probe that learns while it reads? Online (prequential) code length (2003.12298)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.linear.held_out import Precision, score_held_out

SHARES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)
ITEMS_PER_LABEL = 2


@dataclass(frozen=True)
class CodeLength:
    """Bits for the labels of a target, the same cuts for every stream."""

    bits: Float[np.ndarray, " stream"]
    """Length of the online code."""
    compression: Float[np.ndarray, " stream"]
    """`N log2 K` divided by the code length: 1 means nothing was learned."""
    cuts: tuple[int, ...]
    """Items read before each new fit; the last is N."""


def cut_points(n_items: int, n_labels: int) -> tuple[int, ...]:
    """The doubling cuts 0.1 … 100 % of N, without those below two items per label."""
    cuts = {round(share * n_items) for share in SHARES[:-1]}
    return (*sorted(c for c in cuts if ITEMS_PER_LABEL * n_labels <= c < n_items), n_items)


def reading_order(clusters: Int[np.ndarray, " item"], seed: int) -> Int[np.ndarray, " item"]:
    """Items in the order they are sent: clusters shuffled by seed, each in one piece."""
    rank = np.random.default_rng(seed).permutation(int(clusters.max()) + 1)
    return np.argsort(rank[clusters], kind="stable")


def online_code_length(
    x: Float[Tensor, "item stream d_model"],
    labels: Int[np.ndarray, " item"],
    clusters: Int[np.ndarray, " item"],
    penalties: Sequence[float],
    *,
    seed: int,
    precision: Precision | None = None,
    chunk: int | None = None,
) -> CodeLength:
    """`L = t₁ log2 K − Σ log2 p_i(next block)`, p_i fitted on the items read so far.

    The penalty of a block is the one with the shortest code over the blocks before it (for the first block the strongest),
    so the code never looks ahead. Every p_i is mixed with the uniform by one part in t_i + 1: a label that hasn't been
    read yet costs finitely many bits.
    """
    n_labels = int(labels.max()) + 1
    order = reading_order(clusters, seed)
    cuts = cut_points(len(labels), n_labels)
    y = torch.from_numpy(labels).to(x.device).unsqueeze(0)
    strongest = int(np.argmax(penalties))
    n_streams = x.shape[1]
    so_far = torch.zeros(len(penalties), n_streams)
    so_far[strongest] = -1e-9
    bits = torch.full((n_streams,), cuts[0] * float(np.log2(n_labels)))
    for read, until in pairwise(cuts):
        split = (order[:read], order[read:until])
        scored = score_held_out(x, y, n_labels, [split], penalties, precision=precision, chunk=chunk)
        p = scored.log_likelihood[:, :, 0, 0].double().exp()
        seen = torch.from_numpy(np.isin(labels[split[1]], labels[split[0]])).to(p.device)
        mixed = (read * p * seen + 1 / n_labels) / (read + 1)
        cost = -torch.log2(mixed).sum(-1).float().cpu()
        chosen = so_far.argmin(0)
        bits += cost[chosen, torch.arange(n_streams)]
        so_far += cost
    total = len(labels) * float(np.log2(n_labels))
    return CodeLength(bits.numpy(), total / bits.numpy(), cuts)
