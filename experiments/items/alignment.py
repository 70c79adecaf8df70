"""Items under a tokenizer: which token is scored, and do the pair's prompts line up? `strata.probes.prompts.alignment` decides."""

from __future__ import annotations

from strata.experiments.items.schema import Item
from strata.probes.prompts.alignment import Encoded, Encoder, UnscorableError, encode_item, encode_items, token_length

EncodedItem = Encoded[Item]

__all__ = ["EncodedItem", "Encoder", "UnscorableError", "encode_item", "encode_items", "token_length"]
