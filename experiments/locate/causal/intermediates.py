"""Composite items and chains: is the bridge worked out before the answer, item by item?

Readable: the logit lens prefers the bridge entity to the bridge of another item, at any token of the question. Effective:
denoising the located component at the question's named positions (the bridge is exchanged between two items that share
everything else) against denoising it at the last one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.locate.causal.effects import Effects, replaced_at
from strata.experiments.locate.causal.lines import LOCATED
from strata.experiments.locate.config import LocateConfig
from strata.experiments.statistics.depth import half_mass_block
from strata.probes.backends.recording import record
from strata.probes.causal.activation_patching import Line
from strata.probes.causal.scores import token_logits
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.statistics.bootstrap import Estimate
from strata.probes.statistics.share import cluster_share

_LEAST_MASS = 0.2
"""Normalised effect that an item must show at a position before a block is named for it."""


def intermediates(checkpoint: Checkpoint, effects: Effects, config: LocateConfig) -> dict[str, Any]:
    """For every usable pair whose item names its `bridge`: where bridge and answer become readable and effective.

    `streams` count from 0 (none: never, or never above the null for three streams in a row), `blocks` from 0 (none: no
    effect above a fifth). Shares with cluster intervals: of items whose bridge is readable at all, readable before the
    answer, and effective in an earlier block than the answer.
    """
    usable = effects.usable()
    rows = [row for row, encoded_item in enumerate(usable.items) if _bridge(checkpoint, encoded_item) is not None]
    if not rows:
        return {"reason": "no usable pair names an intermediate entity (`bridge`)"}
    group = usable.of(rows)
    bridge_at, answer_at = _readable(checkpoint, group)
    bridge_block, answer_block = _effective(group)
    clusters = group.clusters
    entries = []
    for row, encoded_item in enumerate(group.items):
        entries.append(
            {
                "item": encoded_item.key,
                "bridge": encoded_item.item.extra["bridge"],
                "bridge_stream": bridge_at[row],
                "answer_stream": answer_at[row],
                "bridge_block": bridge_block[row],
                "answer_block": answer_block[row],
            }
        )
    return {
        "n": len(rows),
        "bridge_readable": _share([at is not None for at in bridge_at], clusters),
        "bridge_read_first": _share(*_earlier(bridge_at, answer_at, clusters)),
        "bridge_used_first": _share(*_earlier(bridge_block, answer_block, clusters)),
        "items": entries,
    }


def _bridge(checkpoint: Checkpoint, encoded_item: EncodedItem) -> int | None:
    """The first token of the bridge entity with its leading space."""
    name = encoded_item.item.extra.get("bridge")
    if not isinstance(name, str) or not name.strip():
        return None
    try:
        ids = checkpoint.encode(" " + name.strip())[len(checkpoint.prefix) :]
    except NoEmbeddingError:
        return None
    token = next((token for token in ids if checkpoint.token_text(token).strip()), None)
    return None if token == encoded_item.answer_id else token


def _readable(checkpoint: Checkpoint, group: Effects) -> tuple[list[int | None], list[int | None]]:
    """First of three streams in a row at which the bridge (at any token of the question) and the answer (at the last)
    are likelier than those of another item."""
    tokens = [_bridge(checkpoint, encoded_item) for encoded_item in group.items]
    n = len(tokens)
    bridges: list[int | None] = []
    answers: list[int | None] = []
    for row, encoded_item in enumerate(group.items):
        bridge = tokens[row]
        other = next((tokens[(row + step) % n] for step in range(1, n) if tokens[(row + step) % n] != bridge), None)
        null = next(
            (
                a.answer_id
                for a in (group.items[(row + step) % n] for step in range(1, n))
                if a.answer_id != encoded_item.answer_id
            ),
            None,
        )
        if bridge is None or other is None or null is None:
            bridges.append(None)
            answers.append(None)
            continue
        question = min(encoded_item.prompt.positions.values())
        run = record(checkpoint, [encoded_item.prompt], keep=len(encoded_item.prompt.ids) - question)
        streams = torch.stack([stream[0] for stream in run.streams])
        scored = torch.tensor([[bridge, other, encoded_item.answer_id, null]]).expand(streams.shape[1], 4)
        logits = token_logits(checkpoint.readout, streams, scored).cpu()
        bridges.append(_lasting((logits[..., 0] > logits[..., 1]).any(1).numpy()))
        answers.append(_lasting((logits[:, -1, 2] > logits[:, -1, 3]).numpy()))
    return bridges, answers


def _lasting(above: np.ndarray) -> int | None:
    """First stream from which on the reading holds to the end of three streams in a row."""
    runs = [stream for stream in range(len(above) - 2) if above[stream : stream + 3].all()]
    return runs[0] if runs else None


def _earlier(
    first: Sequence[int | None], second: Sequence[int | None], clusters: Sequence[str]
) -> tuple[list[bool], list[str]]:
    """Of the items that have both: whether the first comes before the second, and their clusters."""
    both = [
        (first_at < second_at, cluster)
        for first_at, second_at, cluster in zip(first, second, clusters, strict=True)
        if first_at is not None and second_at is not None
    ]
    return [earlier for earlier, _ in both], [cluster for _, cluster in both]


def _effective(group: Effects) -> tuple[list[int | None], list[int | None]]:
    maps: dict[bool, list[np.ndarray]] = defaultdict(list)
    for name in group.raw:
        parts = name.split("/")
        if parts[:3] == ["patching", "denoise", LOCATED] and parts[3] != "all" and parts[4] == "1":
            values = group.shift(Line("denoise", LOCATED, parts[3]))
            assert values is not None
            ratio = np.nan_to_num(values / group.difference[:, None])
            for row, encoded_item in enumerate(group.items):
                if replaced_at(encoded_item, parts[3]):
                    ratio[row, 0] = 0.0
            maps[parts[3] == "last"].append(ratio)
    return _blocks(maps[False], len(group.items)), _blocks(maps[True], len(group.items))


def _blocks(maps: list[np.ndarray], n_items: int) -> list[int | None]:
    if not maps:
        return [None] * n_items
    total = np.maximum(np.sum(maps, axis=0), 0.0)
    # Noise of many blocks adds up: what is below a fifth of the item's own peak is not part of its place.
    peak = total.max(axis=1, keepdims=True)
    blocks = half_mass_block(np.where(total >= 0.2 * peak, total, 0.0))
    return [int(b) if p >= _LEAST_MASS and np.isfinite(b) else None for b, p in zip(blocks, peak[:, 0], strict=True)]


def _share(right: list[bool], clusters: list[str]) -> dict[str, Any] | None:
    if not right:
        return None
    estimate: Estimate = cluster_share(right, clusters)
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n_items,
        "clusters": estimate.n_clusters,
    }
