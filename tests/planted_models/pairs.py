"""Two planted models that differ in one table: which block was changed is known, and that nothing else was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import load_file, save_file

from planted_models.planted import Planted, write_planted
from planted_models.words import ADDENDS, RELATIONS, SUBJECTS, VALUES

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
    other = Path(directory) / "changed"
    shutil.copytree(base.checkpoint, other / "model")
    shutil.copy(base.items, other / "items.jsonl")
    file = other / "model" / "model.safetensors"
    state = load_file(file)
    block = base.retrieval if changed == "knowledge" else base.reasoning
    down = state[f"model.layers.{block}.mlp.down_proj.weight"]
    table = slice(0, _NEURONS_A_LOOKUP * _LOOKUPS[changed])
    down[:, table] = down[:, table].roll(_NEURONS_A_LOOKUP, dims=1)
    save_file(state, file, metadata={"format": "pt"})
    return base, replace(base, checkpoint=other / "model", items=other / "items.jsonl")
