"""Composite items and chains: is the bridge worked out before the answer, item by item?

Readable: the logit lens prefers the bridge entity to the bridge of another item, at any token of the question. Effective:
where the MLPs at the replaced span gain their effect (the bridge is exchanged between two items that share everything else)
against where those at the last position do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.results.locate_summary import Intermediate, Intermediates, Share, WhyNoIntermediates
from strata.experiments.statistics.half_effect_depth import half_mass_block
from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.interventions.scores import token_logits
from strata.probes.rerun.recording import record
from strata.probes.statistics.share import cluster_share

_LEAST_MASS = 0.2
"""Normalised effect that an item must show at a position before a block is named for it."""


@dataclass(frozen=True)
class EffectivePair:
    """A pair of a two-hop family, and what is gained of its whole effect at each block."""

    item: EncodedItem
    at_span: Float[np.ndarray, " block"]
    at_last: Float[np.ndarray, " block"]


def intermediates(
    checkpoint: Checkpoint, pairs: Sequence[EffectivePair], backend: Backend | None = None
) -> Intermediates:
    """For every pair whose item names its `bridge`: where bridge and answer become readable and effective.

    `streams` count from 0 (none: never, or never above the null for three streams in a row), `blocks` from 0 (none: no
    effect above a fifth). Shares with cluster intervals: of items whose bridge is readable at all, readable before the
    answer, and effective in an earlier block than the answer. `backend`: what runs the prompts; None: torch's hooks.
    """
    named = [pair for pair in pairs if _bridge(checkpoint, pair.item) is not None]
    if not named:
        return Intermediates(reason=WhyNoIntermediates(code="no-bridge"))
    group = [pair.item for pair in named]
    bridge_at, answer_at = _readable(checkpoint, group, backend)
    bridge_block = _blocks(np.stack([pair.at_span for pair in named]))
    answer_block = _blocks(np.stack([pair.at_last for pair in named]))
    clusters = [entity_of(item.item) for item in group]
    return Intermediates(
        n=len(named),
        bridge_readable=_share([at is not None for at in bridge_at], clusters),
        bridge_read_first=_share(*_earlier(bridge_at, answer_at, clusters)),
        bridge_used_first=_share(*_earlier(bridge_block, answer_block, clusters)),
        items=tuple(
            Intermediate(
                item=item.key, bridge=str(item.item.extra["bridge"]), bridge_stream=bridge_at[row],
                answer_stream=answer_at[row], bridge_block=bridge_block[row], answer_block=answer_block[row],
            )
            for row, item in enumerate(group)
        ),
    )  # fmt: skip


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


def _readable(
    checkpoint: Checkpoint, group: Sequence[EncodedItem], backend: Backend | None
) -> tuple[list[int | None], list[int | None]]:
    """First of three streams in a row at which the bridge (at any token of the question) and the answer (at the last)
    are likelier than those of another item."""
    tokens = [_bridge(checkpoint, encoded_item) for encoded_item in group]
    n = len(tokens)
    bridges: list[int | None] = []
    answers: list[int | None] = []
    for row, encoded_item in enumerate(group):
        bridge = tokens[row]
        other = next((tokens[(row + step) % n] for step in range(1, n) if tokens[(row + step) % n] != bridge), None)
        null = next(
            (
                a.answer_id
                for a in (group[(row + step) % n] for step in range(1, n))
                if a.answer_id != encoded_item.answer_id
            ),
            None,
        )
        if bridge is None or other is None or null is None:
            bridges.append(None)
            answers.append(None)
            continue
        question = min(encoded_item.prompt.positions.values())
        back = len(encoded_item.prompt.ids) - question
        run = record(checkpoint, [encoded_item.prompt], keep=back, backend=backend)
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


def _blocks(gained: Float[np.ndarray, "pair block"]) -> list[int | None]:
    total = np.maximum(gained, 0.0)
    # Noise of many blocks adds up: what is below a fifth of the item's own peak is not part of its place.
    peak = total.max(axis=1, keepdims=True)
    blocks = half_mass_block(np.where(total >= 0.2 * peak, total, 0.0))
    return [int(b) if p >= _LEAST_MASS and np.isfinite(b) else None for b, p in zip(blocks, peak[:, 0], strict=True)]


def _share(right: list[bool], clusters: list[str]) -> Share | None:
    if not right:
        return None
    estimate = cluster_share(right, clusters)
    return Share(
        value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n_items, clusters=estimate.n_clusters
    )
