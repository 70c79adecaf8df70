"""What a run keeps while it measures: streams and raw effects, in stores that a later stage or a comparison reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.reading_positions import PLACES, Place
from strata.experiments.run.files import MANIFEST, read_manifest
from strata.probes.files.activation_store import ActivationStore
from strata.probes.files.atomic_writes import whole_file

EFFECTS = "causal"
"""Folder of the effects, in that of the activations."""


def streams_store(
    run: Path, run_id: str, model: str, positions: Sequence[str], lenses: Sequence[str]
) -> ActivationStore:
    """Streams and lens readings by item; `model` is `model` or `random-init`."""
    signature = {
        "run": run_id, "model": model, "positions": list(positions), "places": list(PLACES), "lenses": list(lenses),
    }  # fmt: skip
    return ActivationStore(run / "activations" / model, signature)


def kept_streams(
    store: ActivationStore, items: Sequence[EncodedItem], position: str, positions: Sequence[str], *, last: Place
) -> Float[Tensor, "item stream d_model"]:
    """Streams 0..L of the items at a named position, float32; `last` says where `last` is, these being held against each other."""
    column = len(positions) + PLACES.index(last) if position == "last" else list(positions).index(position)
    values: Tensor = store.read("streams", [encoded_item.key for encoded_item in items])
    return values[:, :, column].to(torch.float32)


def last_streams(
    store: ActivationStore, items: Sequence[EncodedItem], positions: Sequence[str], n_layers: int
) -> dict[tuple[int, ...], Float[Tensor, " d_model"]]:
    """Stream L at the last token of every prompt that was asked, by its ids."""
    column = list(positions).index("last")
    values = store.read("streams", [encoded_item.key for encoded_item in items], columns=n_layers)
    return {item.prompt.ids: row[column] for item, row in zip(items, values, strict=True)}


def effects_store(run: Path, run_id: str) -> ActivationStore:
    """What was measured on the pairs of each family, one shard a family."""
    return ActivationStore(run / "activations" / EFFECTS, {"run": run_id})


def take_over(shards: Sequence[Path], run: Path, run_id: str) -> None:
    """Copies what runs of the same question keep into the stores of `run`: of all the effects, of the first of them the streams.

    What another question made, or isn't there, is left alone. Whoever opens a store holds each of its files against its checksum.
    """
    for shard in shards:
        if not (shard / MANIFEST).exists() or read_manifest(shard).run_id != run_id:
            continue
        for source in sorted((shard / "activations").glob("*/shard-*.safetensors")):
            folder = run / "activations" / source.parent.name
            if source.parent.name != EFFECTS and (folder / source.name).exists():
                continue
            # Under a name of its own in the store, and the same one at a second start.
            name = (
                f"shard-{shards.index(shard) + 1}{source.stem.partition('-')[2]}"
                if folder.name == EFFECTS
                else source.stem
            )
            with whole_file(folder / f"{name}.safetensors") as part:
                shutil.copyfile(source, part)
