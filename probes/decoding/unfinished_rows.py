"""Rows that ended leave the batch, and the others go on: on a CPU a step takes as long as its rows are many.

The library's loop decodes a batch until its last row has ended. It is stopped where a quarter of the rows is done, and begun again
with the others, their keys and values taken along and pads that none of them needs cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint

_WORTHWHILE = 0.75
"""Largest share of rows still writing at which they go on alone."""


@dataclass(frozen=True)
class Stem:
    """What a batch has read and written so far, padded on the left."""

    ids: Int[Tensor, "row column"]
    mask: Int[Tensor, "row column"]
    cache: Any | None
    """Keys and values of all columns but the last, as the library's cache; None: they are made anew."""


def few_enough(going_on: int, rows: int) -> bool:
    """Whether a batch of `rows` is worth beginning again with the `going_on` rows that have not ended."""
    return 0 < going_on <= _WORTHWHILE * rows


def can_be_cut(checkpoint: Checkpoint, longest: int) -> bool:
    """Whether rows can be taken out of a batch: the model keeps every key and value, each where its own row's mask says, up to `longest` tokens."""
    from transformers.cache_utils import DynamicCache

    return not checkpoint.is_stretched(longest) and _keeps_all(DynamicCache(config=checkpoint.model.config))


def gone_on(stem: Stem, rows: Sequence[int], ids: Int[Tensor, "row column"], cache: Any) -> Stem:
    """The stem of those `rows` alone, after the library has returned `ids` (more columns of the same rows) and its `cache`."""
    chosen = torch.tensor(list(rows), device=ids.device)
    written = ids.shape[1] - stem.ids.shape[1]
    mask = torch.cat([stem.mask, stem.mask.new_ones(len(stem.mask), written)], 1)[chosen]
    pads = int(mask.argmax(1).min())
    return Stem(ids[chosen, pads:], mask[:, pads:], _taken(cache, chosen, pads))


def _taken(cache: Any, rows: Tensor, pads: int) -> Any | None:
    from transformers.cache_utils import DynamicCache

    if type(cache) is not DynamicCache or not _keeps_all(cache):
        return None
    return DynamicCache(
        [
            (layer.keys[rows.to(layer.keys.device), :, pads:], layer.values[rows.to(layer.values.device), :, pads:])
            for layer in cache.layers
        ]
    )


def _keeps_all(cache: Any) -> bool:
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in cache.layers)
