"""`lens_maps.json`: which prompts' whole lens maps a run keeps; their numbers lie in lens_maps.safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from strata.experiments.results.record import Record

Why = Literal["largest", "median", "failure", "random", "changed"]
"""By which part of the rule an item was chosen."""
METRICS = ("top_ids", "top_logprobs", "entropy", "kl_to_final", "answer_logprob", "answer_rank")
"""Tensors of each map, named KEY.METRIC."""


class MapRecord(Record):
    """One prompt."""

    item: str
    key: str
    """By which its tensors are named."""
    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    positions: Mapping[str, int]
    """Index of the token at each named position."""
    why: Why


class LensMaps(Record):
    """`lens_maps.json`."""

    rule: str
    """By which items were chosen."""
    lens: str
    metrics: tuple[str, ...] = METRICS
    maps: tuple[MapRecord, ...]
    vocabulary: Mapping[int, str]
    """Text of every token that a map names."""
