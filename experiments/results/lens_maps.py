"""`lens_maps.json`: which prompts' lens maps a run keeps, whole or at the positions it read; their numbers lie in lens_maps.safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import TypeAdapter, model_validator

from strata.experiments.results.json_file import JsonFile
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


class ReadPrompt(Record):
    """One prompt of which a map of the read positions is kept."""

    item: str
    at: Mapping[str, int]
    """Index of the token at each read position that the prompt has."""
    tokens: Mapping[str, str]
    """Text of that token."""
    token_ids: Mapping[str, int]
    """Its id in the vocabulary."""


class ReadMaps(Record):
    """Maps of the positions that the run read. Their tensors are named `read.METRIC`: item × stream × position, in this order."""

    positions: tuple[str, ...]
    items: tuple[ReadPrompt, ...]

    @model_validator(mode="after")
    def _names_what_was_read(self) -> Self:
        for one in self.items:
            if not set(one.at) <= {*self.positions} & set(one.tokens) & set(one.token_ids):
                raise ValueError(f"{one.item[:100]!r} has positions without a column, a token or its id")
        return self


class LensMaps(Record):
    """`lens_maps.json`."""

    rule: str
    """By which items were chosen."""
    lens: str
    metrics: tuple[str, ...] = METRICS
    maps: tuple[MapRecord, ...]
    read: ReadMaps | None = None
    """Of all other items that were asked; None: a run of before there were any, or none is left."""
    vocabulary: Mapping[int, str]
    """Text of every token that a map names."""


LENS_MAPS_FILE = JsonFile("lens_maps.json", "lens_maps", TypeAdapter(LensMaps))
