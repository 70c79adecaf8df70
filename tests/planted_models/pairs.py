"""Two planted models that differ in one matrix: which one is known, and that nothing else was changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file, save_file
from torch import Tensor

from planted_models.planted import Planted, write_planted
from planted_models.words import ADDENDS, IDS, RELATIONS, SUBJECTS, VALUES

State = dict[str, Tensor]
_LOOKUPS = {"knowledge": len(SUBJECTS) * (len(RELATIONS) - 1), "reasoning": len(VALUES) * len(ADDENDS)}
_NEURONS_A_LOOKUP = 2


def write_planted_pair(
    directory: Path, changed: Literal["knowledge", "reasoning"], **options: Any
) -> tuple[Planted, Planted]:
    """`directory/base` as `write_planted` makes it, and `directory/changed`, in which every fact (or every sum) of the
    table has the value of the next one.

    The one difference is a permutation of columns of one matrix: `mlp.down_proj` of the block that looks up, or adds.
    """
    base = write_planted(Path(directory) / "base", **options)
    block = base.retrieval if changed == "knowledge" else base.reasoning

    def roll(state: State) -> None:
        down = state[f"model.layers.{block}.mlp.down_proj.weight"]
        table = slice(0, _NEURONS_A_LOOKUP * _LOOKUPS[changed])
        down[:, table] = down[:, table].roll(_NEURONS_A_LOOKUP, dims=1)

    return base, _edited(base, Path(directory) / "changed", roll)


def write_format_pair(directory: Path, **options: Any) -> tuple[Planted, Planted]:
    """`directory/base`, which answers behind `is` and behind the end of a think block alike, and `directory/changed`, which
    answers behind a block only: facts, sums and all that works them out are the same.

    The one difference is a row of the embedding: `is` is a word like any other.
    """
    written = write_planted(Path(directory) / "written", **options)
    # The tags are no words of these models, so that they are read as the unknown one.
    base = _edited(written, Path(directory) / "base", partial(_embed_as, word="<unk>", like="is"))
    return base, _edited(base, Path(directory) / "changed", partial(_embed_as, word="is", like="it"))


def write_bias_pair(directory: Path, *, logits: float = 3.0, **options: Any) -> tuple[Planted, Planted]:
    """`directory/base` and `directory/changed`, which finds one of the values likelier by about `logits` whatever is asked.

    The one difference is a row of the unembedding, along what every token's stream has in common.
    """
    base = write_planted(Path(directory) / "base", **options)

    def favour(state: State) -> None:
        common = state["model.embed_tokens.weight"][[IDS[word] for word in ("of", "has", "it", "the")]].mean(0)
        # The final norm makes every stream as long as the root of its width.
        state["lm_head.weight"][IDS[VALUES[0]]] += logits * common / common.norm() / len(common) ** 0.5

    return base, _edited(base, Path(directory) / "changed", favour)


def _embed_as(state: State, *, word: str, like: str) -> None:
    embedding = state["model.embed_tokens.weight"]
    embedding[IDS[word]] = embedding[IDS[like]]


def _edited(planted: Planted, other: Path, edit: Callable[[State], None]) -> Planted:
    """A copy with other weights."""
    shutil.copytree(planted.checkpoint, other / "model")
    shutil.copy(planted.items, other / "items.jsonl")
    file = other / "model" / "model.safetensors"
    state = load_file(file)
    edit(state)
    save_file(state, file, metadata={"format": "pt"})
    return replace(planted, checkpoint=other / "model", items=other / "items.jsonl")
