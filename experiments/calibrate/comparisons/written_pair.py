"""How are the two models of a planted pair written? As two checkpoints with one file of items."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from strata.experiments.calibrate.comparisons.planted_pair import PlantedPair, worlds_of
from strata.experiments.calibrate.planted_checkpoint import planted_state, write_model
from strata.experiments.calibrate.planted_items import items_of
from strata.experiments.items.jsonl import write_items
from strata.probes.errors import StrataError

_JITTER = 1e-3
"""Standard deviation of the change of a weight, as a share of itself."""
_FILLERS = 2_000
"""Added to a construction's seed, so that what is not planted is drawn apart from what is."""


@dataclass(frozen=True)
class PairFiles:
    """A pair on disk."""

    base: Path
    second: Path
    items: Path
    """JSON Lines; their answers are the base's."""


def write_pair(directory: Path, pair: PlantedPair) -> PairFiles:
    """Writes `directory/base`, `directory/second` and `items.jsonl`. Raises StrataError for a pair that can't be built."""
    files = PairFiles(Path(directory) / "base", Path(directory) / "second", Path(directory) / "items.jsonl")
    world, other_world = worlds_of(pair)
    base, second = states_of(pair)
    write_model(files.base, pair.base, world, base)
    write_model(files.second, pair.second, other_world, second)
    write_items(files.items, items_of(pair.base, world))
    return files


def states_of(pair: PlantedPair) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of base and second model, the same but for what changes."""
    world, other_world = worlds_of(pair)
    anew = pair.seed + 1 if pair.change == "filler" else 0
    base = planted_state(pair.base, world, torch.Generator().manual_seed(pair.base.seed + _FILLERS))
    second = planted_state(pair.second, other_world, torch.Generator().manual_seed(pair.base.seed + _FILLERS + anew))
    if pair.change == "jitter":
        generator = torch.Generator().manual_seed(pair.seed)
        for tensor in second.values():
            tensor.mul_(1 + _JITTER * torch.randn(tensor.shape, generator=generator))
    if {name: tensor.shape for name, tensor in base.items()} != {name: tensor.shape for name, tensor in second.items()}:
        raise StrataError(
            f"The two models of {pair.name} differ in size, since their fullest blocks look up more or less",
            "Move a lookup to a block that is not the fullest",
        )
    return base, second
