"""Random numbers that depend on what they are for, and on nothing else that is drawn in the same run."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float
from torch import Tensor


def generator_for(*names: object) -> torch.Generator:
    """A CPU generator seeded by the names alone: the same in any batch, order, process and on any device."""
    text = " ".join(map(str, names))
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"))


def unit_vectors(shape: tuple[int, ...], *names: object) -> Float[Tensor, "*axis d_model"]:
    """Vectors of length 1 along the last axis, in uniformly random directions."""
    drawn = torch.randn(shape, generator=generator_for(*names))
    return drawn / torch.linalg.vector_norm(drawn, dim=-1, keepdim=True)
