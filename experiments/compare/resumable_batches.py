"""Pairs measured batch by batch into a store that a later start goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.pair_sampling import as_pair
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.progress import Progress

Measured = Iterator[tuple[Sequence[int], Mapping[str, torch.Tensor]]]


def write_pairs(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    progress: Progress,
    stage: str,
    measured: Callable[[Sequence[Pair]], Measured],
) -> None:
    """Those that the store lacks. A kill loses one batch."""
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
