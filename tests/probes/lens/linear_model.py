"""A "language model" whose blocks are matrices: its Jacobian and its best translators are known in closed form."""

from __future__ import annotations

from typing import Any

import torch
from tiny_models import adds
from torch import Tensor, nn

from strata.probes.checkpoints.architecture_anatomy import Anatomy
from strata.probes.checkpoints.block_steps import BlockParts
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import Identity
from strata.probes.checkpoints.readout import Readout

VOCAB = 40
WIDTH = 16


class _Body(nn.Module):
    def __init__(self, matrices: Tensor) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        self.blocks = nn.ModuleList([nn.Linear(WIDTH, WIDTH, bias=False) for _ in matrices])
        for block, matrix in zip(self.blocks, matrices, strict=True):
            block.weight.data = matrix.clone()
        self.norm = nn.RMSNorm(WIDTH)

    def forward(self, input_ids: Tensor, **_: Any) -> Tensor:
        h = self.embed(input_ids)
        for block in self.blocks:
            h = block(h)
        return self.norm(h)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embed


def linear_checkpoint(matrices: Tensor, *, weights: str = "w" * 64, sharpness: float = 2.0) -> Checkpoint:
    """One block per matrix; stream s is the product of the first s matrices times the token's embedding."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = _Body(matrices).eval().requires_grad_(False)
        readout = Readout(body.norm, sharpness * torch.randn(VOCAB, WIDTH), None)
    blocks = tuple(BlockParts(block, adds(block), adds(block)) for block in body.blocks)
    anatomy = Anatomy(body, blocks, body.norm, False, "", "blocks")
    return Checkpoint(body, None, anatomy, readout, Identity("linear", "directory", weights, "t" * 64))


def rotation(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))[0]
