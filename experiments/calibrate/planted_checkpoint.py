"""How is a construction written to a directory as a checkpoint, its items and its truth?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor

from strata.experiments.calibrate import written_checkpoint as written_as
from strata.experiments.calibrate.construction import Construction, flaws
from strata.experiments.calibrate.planted_circuits import blocks_of, embedding, layout_of, unembedding
from strata.experiments.calibrate.planted_facts import World, world_of
from strata.experiments.calibrate.planted_items import items_of
from strata.experiments.calibrate.planted_part import PlantedPart
from strata.experiments.calibrate.truth import Truth, truth_of
from strata.experiments.calibrate.weight_writing import Block, Layout, columns_of, filler_block, write_block
from strata.experiments.calibrate.written_types import WRITTEN_TYPES
from strata.experiments.items.jsonl import write_items
from strata.probes.errors import StrataError

_CERTAINTY = 8.0
_LOUD_FILLER = 1.0
"""Length of the filler's spare part in messy constructions: that of an answer."""
_TRUTH = TypeAdapter(Truth)


@dataclass(frozen=True)
class PlantedFiles:
    """A construction on disk."""

    checkpoint: Path
    """Directory in Hugging Face's format."""
    items: Path
    """JSON Lines file of its items."""
    truth: Path
    """JSON file: `Truth` and the construction that it follows from."""


def write_construction(directory: Path, construction: Construction) -> PlantedFiles:
    """Writes `directory/model`, `items.jsonl` and `truth.json`. Raises StrataError for what can't be built."""
    files = PlantedFiles(Path(directory) / "model", Path(directory) / "items.jsonl", Path(directory) / "truth.json")
    world = checked_world(construction)
    write_model(files.checkpoint, construction, world, planted_state(construction, world))
    write_items(files.items, items_of(construction, world))
    truth = {**_TRUTH.dump_python(truth_of(construction), mode="json"), "construction": asdict(construction)}
    files.truth.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return files


def write_model(directory: Path, construction: Construction, world: World, state: Mapping[str, Tensor]) -> None:
    """The checkpoint of a construction with these tensors, in Hugging Face's format."""
    layout, _ = _plan(construction, world)
    settings = written_as.config(construction.architecture, layout, construction.n_layers, world.vocabulary)
    written_as.write_checkpoint(directory, settings, written_as.tokenizer(world.vocabulary), state)


def read_truth(file: Path) -> Truth:
    return _TRUTH.validate_json(Path(file).read_text(encoding="utf-8"))


def checked_world(construction: Construction) -> World:
    """Raises StrataError for what can't be built."""
    found = flaws(construction)
    if found:
        raise StrataError(f"{construction.name} can't be planted: {'; '.join(found)}", "Mend the construction")
    return world_of(construction)


def planted_state(
    construction: Construction, world: World, fillers: torch.Generator | None = None
) -> dict[str, Tensor]:
    """The checkpoint's tensors. `fillers` draws what is not planted, so that it stays where plants change; without it all is drawn in turn."""
    layout, blocks = _plan(construction, world)
    generator = torch.Generator().manual_seed(construction.seed)
    flat = "still" if WRITTEN_TYPES[construction.architecture].layer_norm else None
    turn = written_as.turned(layout, generator, flat=flat)
    table = embedding(layout, world, generator)
    read_out = unembedding(layout, world, _CERTAINTY, generator)
    written = []
    for block in blocks:
        spare = _LOUD_FILLER if construction.messy else None
        weights = filler_block(layout, fillers or generator, construction.filler, spare)
        if construction.messy:
            # As loud where lookups leave few neurons to it.
            weights["down"] *= (layout.neurons / (layout.neurons - 2 * len(block.lookups))) ** 0.5
        write_block(layout, weights, block, construction.noise, generator)
        written.append(weights)
    return written_as.state_dict(construction.architecture, layout, table, read_out, written, turn)


@contextmanager
def taken_out(construction: Construction, state: Mapping[str, Tensor], parts: Sequence[PlantedPart]) -> Iterator[None]:
    """Planted parts write nothing while this is open; `state` is the model's own, which changes.

    Raises StrataError for a part that isn't there.
    """
    layout, blocks = _plan(construction, checked_world(construction))
    kept = []
    for part in parts:
        found = False
        for number, block in enumerate(blocks):
            for component, columns in columns_of(layout, block, part).items():
                if columns:
                    matrix = written_as.writing_matrix(construction.architecture, state, number, component)
                    at = written_as.written_columns(construction.architecture, layout, component, columns)
                    kept.append((matrix, at, matrix[:, at].clone()))
                    matrix[:, at], found = 0.0, True
        if not found:
            raise StrataError(f"{construction.name} has no part {part.name!r}", "Name one of its truth's parts")
    yield
    for matrix, columns, written in kept:
        matrix[:, columns] = written


def _plan(construction: Construction, world: World) -> tuple[Layout, list[Block]]:
    blocks = blocks_of(construction, world)
    return layout_of(construction, blocks), blocks
