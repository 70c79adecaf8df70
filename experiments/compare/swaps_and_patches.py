"""Which blocks of the distilled model bring its gain, and which its loss? Layer swaps and cross-model patches, in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.layer_swap_scores import LEAST_LOGITS, bootstrap, value_columns
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.pair_sampling import as_pair, shared_out, spread_over_entities
from strata.experiments.locate.item_selection import entity_of
from strata.probes.causal.cross_model import CrossLine, SourceModel, cross_patch
from strata.probes.causal.layer_swaps import LayerSwap, layer_swaps_of, swap_layers
from strata.probes.causal.pairs import Pair
from strata.probes.causal.random_delta import RandomDelta
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent
from strata.probes.store import ActivationStore

KINDS = ("knowledge", "reasoning")
CROSS = (
    CrossLine("block_out", "last"),
    CrossLine("attn_out", "last"),
    CrossLine("mlp_out", "last"),
    CrossLine("block_out", "all"),
)


def swap_items(
    encoded: Sequence[EncodedItem], answered: frozenset[str], per_kind: int, seed: int
) -> tuple[EncodedItem, ...]:
    """At most `per_kind` aligned items of each of the two kinds, shared out over families and entities.

    Families in which some model answers something (`answered`: ids that at least one of the models answers); what one
    model lost or gained must be in, so items that only one of them answers are as good as others.
    """
    by_family: dict[tuple[Kind, str], list[EncodedItem]] = defaultdict(list)
    for encoded_item in encoded:
        usable = encoded_item.aligned and encoded_item.foil_prompt is not None and encoded_item.foil_id is not None
        if (
            encoded_item.item.kind in KINDS
            and usable
            and encoded_item.prompt.ids != (encoded_item.foil_prompt.ids if encoded_item.foil_prompt else ())
        ):
            by_family[encoded_item.item.kind, encoded_item.item.family].append(encoded_item)
    asked = {name: members for name, members in by_family.items() if any(member.key in answered for member in members)}
    chosen: list[EncodedItem] = []
    shares = shared_out({family: len(members) for family, members in asked.items()}, per_kind)
    for family, members in asked.items():
        chosen += spread_over_entities(members, seed)[: shares[family]]
    return tuple(chosen)


def store_layer_swaps(
    store: ActivationStore,
    base: Checkpoint,
    donor: Checkpoint | RandomDelta,
    items: Sequence[EncodedItem],
    layer_swaps: Sequence[LayerSwap],
    *,
    progress: Progress = silent,
    stage: str = "layer_swaps",
) -> None:
    """Scores every pair under every layer swap into `store` (clean, foil, top: item × layer swap). A kill loses one batch."""
    _resumed(store, items, progress, stage, lambda pairs: (
        (batch.rows, {"clean": batch.clean, "foil": batch.foil, "top": batch.top.to(torch.uint8)})
        for batch in swap_layers(base, donor, pairs, layer_swaps)
    ))  # fmt: skip


def cross_lines(config: CompareConfig, *, null: bool = False) -> tuple[CrossLine, ...]:
    """The lines of a run; with `null` each one's random counterpart behind them."""
    lines = tuple(line for line in CROSS if line.position in config.crossed_positions)
    return (*lines, *_random(lines)) if null else lines


def _random(lines: Sequence[CrossLine]) -> tuple[CrossLine, ...]:
    return tuple(line._replace(random=True) for line in lines)


def store_crossed(
    store: ActivationStore,
    receiver: Checkpoint,
    source: Checkpoint | SourceModel,
    items: Sequence[EncodedItem],
    config: CompareConfig,
    *,
    null: bool = False,
    progress: Progress = silent,
    stage: str = "cross-model patching",
) -> None:
    """Patches contributions of `source`, a model or what is kept of one on disk, into `receiver`.

    Stores source, receiver (item) and every line (item × layer), with `null` the random ones too. A kill loses one batch.
    """
    lines = cross_lines(config, null=null)
    _resumed(store, items, progress, stage, lambda pairs: (
        (
            batch.rows,
            {"source": batch.source, "receiver": batch.receiver}
            | {name_of(line): batch.shift[line] for line in lines},
        )
        for batch in cross_patch(receiver, source, pairs, lines, seed=config.locate.seed)
    ))  # fmt: skip


Measured = Iterator[tuple[Sequence[int], Mapping[str, torch.Tensor]]]


def _resumed(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    progress: Progress,
    stage: str,
    measured: Callable[[Sequence[Pair]], Measured],
) -> None:
    pairs = [as_pair(item) for item in items]
    todo = [pair for pair in pairs if pair.key not in store]
    done = len(pairs) - len(todo)
    progress(stage, done, len(pairs), "pairs")
    if not todo:
        return
    for rows, tensors in measured(todo):
        store.write([todo[row].key for row in rows], dict(tensors))
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


def name_of(line: CrossLine) -> str:
    """What the line's tensor is called in a store."""
    return f"{'random/' if line.random else ''}{line.component}/{line.position}"


def cross_rows(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    names: Mapping[str, str | None],
    config: CompareConfig,
    *,
    null: bool = False,
) -> Iterator[dict[str, Any]]:
    """Rows of the `crossed` table: `Σ ± shift / Σ |source − receiver|` by kind, block and line, with its interval.

    Every item is turned so that its source lies above: models that differ in both directions would cancel otherwise.
    With `null` those of the random lines instead.
    """
    keys = [item.key for item in items]
    source, receiver = (store.read(name, keys).double().numpy() for name in ("source", "receiver"))
    whole = source - receiver
    for kind in KINDS:
        rows = [
            row
            for row, encoded_item in enumerate(items)
            if encoded_item.item.kind == kind and abs(whole[row]) >= LEAST_LOGITS
        ]
        asked = sum(encoded_item.item.kind == kind for encoded_item in items)
        if not asked:
            continue
        reason = None if rows else f"the models differ by {LEAST_LOGITS:g} logits or more on none of {asked} items"
        clusters = [entity_of(items[row].item) for row in rows]
        for line in _random(cross_lines(config)) if null else cross_lines(config):
            common = {**names, "component": line.component, "position": line.position, "kind": kind, "reason": reason}
            if not rows:
                yield {**common, "layer": None, "n_items": 0, "n_clusters": 0}
                continue
            shift = store.read(name_of(line), keys).double().numpy()[rows]
            sizes = np.abs(whole[rows])[:, None]
            there = np.isfinite(shift)
            moved = np.where(there, shift * np.sign(whole[rows])[:, None], 0.0)
            estimates = bootstrap(moved, np.where(there, sizes, 0.0), clusters, config, counted=there)
            for layer, estimate in enumerate(estimates):
                yield {**common, "layer": layer, **value_columns(estimate)}


def all_layer_swaps(n_layers: int, config: CompareConfig, *, whole_models: bool = True) -> tuple[LayerSwap, ...]:
    """The layer swaps of a run; a donor that is no whole model (a random change) has blocks only."""
    sweeps = [
        sweep for sweep in config.swap_sweeps if whole_models or sweep in ("nothing", "prefix", "suffix", "single")
    ]
    return layer_swaps_of(n_layers, sweeps, stride=min(config.swap_stride, n_layers))


def swap_names(layer_swaps: Sequence[LayerSwap]) -> list[str]:
    """What tells a set of layer swaps from another one, in any process: a set's own text is ordered by chance."""
    return [
        f"{swap.sweep} {swap.layer}: blocks {swap.blocks.start} to {swap.blocks.stop}, {' '.join(sorted(swap.ends))}"
        for swap in layer_swaps
    ]
