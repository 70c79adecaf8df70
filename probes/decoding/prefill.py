"""Prompts of unlike length are run without most of their pads before they are decoded together.

Decoding goes a token at a time, where a row among many costs far less than one alone; running the prompts costs as many tokens as
the rectangle holds in which they lie. So they are run in groups of like length, and their keys and values are laid side by
side afterwards, padded on the left, as if they had been run in one rectangle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import pad as pad_tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.batching import pad
from strata.probes.prompts.prompt import Prompt

_ALIKE = 0.75
"""Share of a group's longest prompt that its shortest one has at least."""
_WORTHWHILE = 0.8
"""Largest share of real tokens in the one rectangle at which groups are made."""


def prefilled(checkpoint: Checkpoint, prompts: Sequence[Prompt]) -> Any | None:
    """Keys and values of all tokens of `prompts` but their last ones, as the library's cache; the longest prompt is first.

    None where nothing is to be won, where a model keeps something else than every key and value (a sliding window), or where
    its position embeddings depend on the prompt's length: its prompts are then run in one rectangle.
    """
    groups = groups_of([len(prompt.ids) for prompt in prompts])
    # A prompt without its last token may be embedded otherwise than the whole one.
    if groups is None or checkpoint.is_stretched(len(prompts[0].ids)):
        return None
    from transformers.cache_utils import DynamicCache, DynamicLayer

    parts = []
    for rows in groups:
        batch = pad([prompts[row] for row in rows], checkpoint.pad_id, "left").to(checkpoint.device)
        cache = DynamicCache(config=checkpoint.model.config)
        if any(type(layer) is not DynamicLayer for layer in cache.layers):
            return None
        checkpoint.model(
            input_ids=batch.ids[:, :-1], attention_mask=batch.mask[:, :-1], position_ids=batch.position_ids[:, :-1],
            past_key_values=cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        if any(layer.keys is None for layer in cache.layers):  # the model keeps nothing (GPT)
            return None
        parts.append(cache.layers)
    width = len(prompts[0].ids) - 1
    whole = [
        tuple(
            torch.cat([pad_tensor(part, (0, 0, width - part.shape[-2], 0)) for part in tensors])
            for tensors in ([layer.keys for layer in layers], [layer.values for layer in layers])
        )
        for layers in zip(*parts, strict=True)
    ]
    return DynamicCache(whole)


def groups_of(lengths: Sequence[int]) -> list[range] | None:
    """Rows of like length, given longest first; None where one rectangle will do."""
    if not lengths or lengths[-1] < 2 or sum(lengths) > _WORTHWHILE * lengths[0] * len(lengths):
        return None
    starts = [0]
    for row, length in enumerate(lengths):
        if length < _ALIKE * lengths[starts[-1]]:
            starts.append(row)
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(lengths)], strict=True)]
