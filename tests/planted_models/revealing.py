"""A Llama that knows an answer only where it was thought: one block's attention copies a value from the think block to where it closes."""

from __future__ import annotations

from pathlib import Path

import torch

from strata.experiments.calibrate.weight_writing import ANCHOR, Block, Head, Layout, filler_block, write_block
from strata.experiments.calibrate.written_checkpoint import (
    SPECIAL,
    config,
    state_dict,
    tokenizer,
    turned,
    write_checkpoint,
)

VALUES = ("amber", "birch", "cobalt", "dune", "ember", "fern", "garnet", "hazel")
SUBJECTS = tuple(f"{start}{end}" for start in ("Bro", "Cal", "Dov", "Fen") for end in ("an", "el", "in", "or"))
VOCABULARY = (
    *SPECIAL,
    *VALUES,
    *SUBJECTS,
    "note",
    "of",
    "it",
    "take",
    "tell",
    "about",
    "is",
    ".",
    "<think>",
    "</think>",
)
_CERTAINTY = 20.0
_LAYOUT = Layout(
    Layout.divided({
        "anchor": 1, "is_start": 1, "is_value": 1, "is_close": 1, "value": len(VALUES), "noted": len(VALUES), "output": len(VALUES),
    }),
    d_model=32, heads=1, head_width=48, neurons=2, unheard=("anchor",),
)  # fmt: skip


def write_revealing(directory: Path, *, n_layers: int, reveals: int, decoy: int) -> Path:
    """`reveals`: the block that writes the thought value where it is read out; `decoy`: one that writes it where nothing reads it."""
    generator = torch.Generator().manual_seed(reveals)
    where = [({"is_close": 1.0}, {"is_value": 1.0})]
    blocks = [Block() for _ in range(n_layers)]
    blocks[reveals].heads = [Head(where, [("value", "output")])]
    blocks[decoy].heads = [Head(where, [("value", "noted")])]
    embedding = torch.zeros(len(VOCABULARY), _LAYOUT.d_model)
    embedding[:, _LAYOUT.entry("anchor")] = ANCHOR
    unembedding = torch.zeros_like(embedding)
    for index, word in enumerate(VALUES):
        row = VOCABULARY.index(word)
        embedding[row, _LAYOUT.entry("value", index)] = embedding[row, _LAYOUT.entry("is_value")] = 1.0
        unembedding[row, _LAYOUT.entry("output", index)] = _CERTAINTY
    for word, flag in (("<s>", "is_start"), ("</think>", "is_close")):
        embedding[VOCABULARY.index(word), _LAYOUT.entry(flag)] = 1.0
    written = []
    for block in blocks:
        weights = filler_block(_LAYOUT, generator, 0.0)
        write_block(_LAYOUT, weights, block, 0.0, generator)
        written.append(weights)
    turn = turned(_LAYOUT, generator)
    state = state_dict("llama", _LAYOUT, embedding, unembedding, written, turn)
    write_checkpoint(directory, config("llama", _LAYOUT, n_layers, VOCABULARY), tokenizer(VOCABULARY), state)
    return directory
