"""One pass over the items: residual streams, and every lens read while the streams are still on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.lens.prompt_map import TOP
from strata.experiments.locate.null_answers import unrelated_ids
from strata.experiments.locate.null_prompts import other_prompts
from strata.experiments.locate.reading_positions import PLACES, places_of
from strata.experiments.run.stream_shard import Shard
from strata.probes.backends.batched_reads import CapturedBatch
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.lenses import Lens
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.prompts.prompt import Prompt

MAPPED = "logit"
"""Lens of which the likeliest tokens are kept too: it costs nothing to fit, and its last stream is the model itself."""
MAP_TENSORS = ("top_ids", "top_log_probs", "kl_to_final")
TARGETS = ("answer", "foil", "null", "other_answer", "other_null")
"""What every stream is read for; the last two are answer and unrelated answer of the item whose other prompt this is
(`strata.experiments.locate.null_prompts`)."""


@dataclass(frozen=True)
class Pass:
    """What one forward pass over the items is to leave in the store."""

    positions: tuple[str, ...]
    """Named positions, in the order of the stored axis; the streams' has `PLACES` behind them."""
    lenses: tuple[Lens, ...]
    """Each read at every stream and position."""
    streams: bool = True
    """Keep the streams themselves, which the probes need."""


def measure(
    reader: ModelReader,
    encoded: Sequence[EncodedItem],
    store: ActivationStore,
    wanted: Pass,
    *,
    stage: str = "capture",
) -> None:
    """Runs every item that isn't in `store` yet and stores, by item id:

    `streams` (item stream position d_model), whose positions go on with those of `PLACES` that comparisons across items
    are read at, `present` (item position), and for each lens `lens.NAME.log_probs`
    (item stream position target), `lens.NAME.rank`, `lens.NAME.entropy` (item stream position); of the lens `MAPPED` also
    `top_ids`, `top_log_probs` (item stream position top) and `kl_to_final` (item stream position), in nats; `choices`
    (item choice): log-probability of each choice's scored token at the end, NaN where there is none; `next` (item): the
    likeliest token there, of the whole vocabulary.
    A kill loses at most one shard.
    """
    checkpoint = reader.checkpoint
    targets = _targets(encoded)
    todo = [index for index, encoded_item in enumerate(encoded) if encoded_item.key not in store]
    if not todo:
        return
    read = (*wanted.positions, *map(_private, PLACES if wanted.streams else ()))
    row_bytes = (checkpoint.n_layers + 1) * len(read) * checkpoint.d_model * 4
    n_choices = max((len(encoded_item.choice_ids or ()) for encoded_item in encoded), default=0)
    batches = reader.batches(_with_places(encoded, todo), positions=read, stage=stage)
    with Shard(store, row_bytes) as shard:
        for batch in batches:
            members = [todo[row] for row in batch.rows]
            items = [encoded[index] for index in members]
            named = _at_positions(batch, len(wanted.positions))
            tensors = _lens_tensors(checkpoint, named, items, targets[members], wanted, n_choices)
            if wanted.streams:
                tensors["streams"] = batch.values.cpu()
            tensors["present"] = named.present.to(torch.uint8)
            shard.add([encoded_item.key for encoded_item in items], tensors)


def _targets(encoded: Sequence[EncodedItem]) -> Int[Tensor, "item target"]:
    """Token ids in the order of `TARGETS`."""
    nulls = unrelated_ids(encoded)
    read_here = {other: item for item, other in enumerate(other_prompts(encoded)) if other is not None}
    rows = []
    for index, encoded_item in enumerate(encoded):
        item = read_here.get(index)
        others = (None, None) if item is None else (encoded[item].answer_id, nulls[item])
        rows.append(
            [_or_none(token) for token in (encoded_item.answer_id, encoded_item.foil_id, nulls[index], *others)]
        )
    return torch.tensor(rows)


def _private(place: str) -> str:
    """A name for a place that no span of an item has."""
    return f"\0{place}"


def _with_places(encoded: Sequence[EncodedItem], rows: Sequence[int]) -> list[Prompt]:
    places = places_of(encoded)
    prompts = [encoded[row].prompt for row in rows]
    return [
        replace(prompt, positions={**prompt.positions, **{_private(name): at for name, at in places[row].items()}})
        for prompt, row in zip(prompts, rows, strict=True)
    ]


def _at_positions(batch: CapturedBatch, count: int) -> CapturedBatch:
    return CapturedBatch(batch.rows, batch.values[:, :, :count], batch.present[:, :count])


def _lens_tensors(
    checkpoint: Checkpoint,
    batch: CapturedBatch,
    items: Sequence[EncodedItem],
    ids: Int[Tensor, "item target"],
    wanted: Pass,
    n_choices: int,
) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for lens in wanted.lenses:
        tensors |= _read_present(checkpoint, batch, ids, lens)
    if wanted.lenses:
        last = wanted.positions.index("last")
        padded = [tuple(encoded_item.choice_ids or ()) + (NO_TOKEN,) * n_choices for encoded_item in items]
        choices = torch.tensor([row[:n_choices] for row in padded])
        reading = read_lens(
            checkpoint.readout,
            batch.values[:, -1:, last : last + 1],
            {str(column): choices[:, column] for column in range(n_choices)},
            ranked=(),
            top_k=1,
        )
        tensors["next"] = reading.top_ids[:, 0, 0, 0].to(torch.int32)
        if n_choices:
            tensors["choices"] = reading.log_probs[:, 0, 0]
    return tensors


def _read_present(checkpoint: Checkpoint, batch: CapturedBatch, ids: Tensor, lens: Lens) -> dict[str, Tensor]:
    """Reads only the positions that the items have; the others come out as NaN and rank −1."""
    present: Bool[Tensor, "item position"] = batch.present
    items, places = present.nonzero(as_tuple=True)
    rows: Float[Tensor, "row stream d_model"] = batch.values[items, :, places]
    targets = {name: ids[items, column] for column, name in enumerate(TARGETS)}
    mapped = lens.name == MAPPED
    reading = read_lens(
        checkpoint.readout, rearrange(rows, "row stream d -> row stream 1 d"), targets, lens=lens,
        top_k=TOP if mapped else 1, kl_to_final=mapped,
    )  # fmt: skip
    n_items, n_streams, n_positions = batch.values.shape[:3]
    shape = (n_items, n_streams, n_positions)
    log_probs = torch.full((*shape, len(TARGETS)), torch.nan)
    entropy, rank = torch.full(shape, torch.nan), torch.full(shape, -1, dtype=torch.int32)
    for column, name in enumerate(TARGETS):
        log_probs[items, :, places, column] = reading.log_prob(name)[:, :, 0]
    entropy[items, :, places] = reading.entropy[:, :, 0]
    rank[items, :, places] = reading.rank("answer")[:, :, 0].to(torch.int32)
    prefix = f"lens.{lens.name}"
    tensors = {f"{prefix}.log_probs": log_probs, f"{prefix}.entropy": entropy, f"{prefix}.rank": rank}
    if reading.kl_to_final is not None:
        ids = torch.full((*shape, reading.top_ids.shape[-1]), NO_TOKEN, dtype=torch.int32)
        top, kl = torch.full(ids.shape, torch.nan), torch.full(shape, torch.nan)
        ids[items, :, places] = reading.top_ids[:, :, 0].to(torch.int32)
        top[items, :, places] = reading.top_log_probs[:, :, 0]
        kl[items, :, places] = reading.kl_to_final[:, :, 0]
        tensors |= {f"{prefix}.{name}": found for name, found in zip(MAP_TENSORS, (ids, top, kl), strict=True)}
    return tensors


def _or_none(token: int | None) -> int:
    return NO_TOKEN if token is None else token
