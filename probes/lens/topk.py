"""Which tokens are best so far? A running top-k whose ties always go to the smaller id, however the vocabulary is cut.

A logit and its id are packed into one integer that sorts like (logit, −id), so half-precision ties have one answer.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

_BLOCK = 32
_ID_BITS = 32
_LARGEST_ID = 2**31 - 1


def none_yet(rows: int, k: int, device: torch.device) -> Int[Tensor, "row k"]:
    """Keys below every real one."""
    return torch.full((rows, k), torch.iinfo(torch.int64).min, dtype=torch.int64, device=device)


def best_so_far(best: Int[Tensor, "row k"], new: Int[Tensor, "row n"]) -> Int[Tensor, "row k"]:
    """The k largest keys of both, largest first."""
    return torch.cat([best, new], dim=1).topk(best.shape[1], dim=1).values


def candidates(logits: Float[Tensor, "row column"], start: int, k: int) -> Int[Tensor, "row candidate"]:
    """Keys of a few columns that surely include the k best; column j is token `start + j`.

    A top-k token lies in one of the k blocks with the largest maxima, and maxima are the cheapest reduction there is.
    """
    blocks, tail = divmod(logits.shape[1], _BLOCK)
    ids = torch.arange(start, start + logits.shape[1], dtype=torch.int32, device=logits.device)
    if blocks <= k:
        return _keys(logits, ids)
    blocked = rearrange(logits[:, : blocks * _BLOCK], "row (block column) -> row block column", column=_BLOCK)
    firsts = torch.arange(blocks, dtype=torch.int32, device=logits.device)
    # Among equal maxima the earlier block holds the smaller id.
    chosen = _ids(_keys(blocked.amax(-1), firsts).topk(k, dim=1).values)
    picked = blocked.gather(1, chosen[:, :, None].expand(-1, -1, _BLOCK))
    keys = _keys(picked.flatten(1), ids[: blocks * _BLOCK].view(blocks, _BLOCK)[chosen].flatten(1))
    if tail:
        keys = torch.cat([keys, _keys(logits[:, -tail:], ids[-tail:])], dim=1)
    return keys


def values_and_ids(keys: Int[Tensor, "row k"]) -> tuple[Float[Tensor, "row k"], Int[Tensor, "row k"]]:
    """What was packed into the keys."""
    return _flip((keys >> _ID_BITS).int()).view(torch.float32), _ids(keys)


def _keys(values: Float[Tensor, "row n"], ids: Int[Tensor, "*row n"]) -> Int[Tensor, "row n"]:
    bits = (values + 0.0).view(torch.int32)  # + 0.0 turns −0.0 into 0.0
    return (_flip(bits).long() << _ID_BITS) | (_LARGEST_ID - ids)


def _ids(keys: Int[Tensor, "row n"]) -> Int[Tensor, "row n"]:
    return _LARGEST_ID - (keys & _LARGEST_ID)


def _flip(bits: Int[Tensor, "row n"]) -> Int[Tensor, "row n"]:
    """Float bits to integers of the same order, and back: negative floats have their magnitude bits reversed."""
    return bits ^ ((bits >> 31) & _LARGEST_ID)
