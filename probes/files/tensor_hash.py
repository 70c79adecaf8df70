"""Are these the same tensors, whatever file they lie in? One hash over names, types, shapes and bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor


def hash_tensors(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """sha256 over (name, dtype, shape, bytes) of tensors given in name order, one tensor in memory at a time."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def hash_state(state: Mapping[str, Tensor]) -> str:
    """`hash_tensors` of a state dict."""
    return hash_tensors(sorted(state.items()))
