"""How much is lost with every link of a chain, beyond what a longer question loses; and at which stream is each link's end readable?

`success(d) = c (1 − p)^d` (2505.20296) with the control that it lacks: the same facts and the same answer over one link, behind filler that makes
the question as long. Right is who names the right end before any other token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from strata.experiments.behave.curve_rows import curve_rows
from strata.experiments.items.alignment import EncodedItem, encode_items, token_length
from strata.experiments.items.framing import framed
from strata.experiments.items.reasoning.chain_lengths import DEPTHS, ChainPair, chain_pairs
from strata.experiments.results.behaviour_tables import BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.chain_depth import ChainDepth, ChainFit, ChainVerdict, DepthRow, HopReadable
from strata.experiments.results.estimates import Estimated
from strata.experiments.run.stream_shard import Shard
from strata.experiments.statistics.depth_decay import DecayTest, depth_decay
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.logit import NO_TOKEN, read_lens
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap
from strata.probes.statistics.onset import onset
from strata.probes.statistics.share import cluster_share

Asked = Literal["walked", "filler"]
ASKED: tuple[Asked, ...] = get_args(Asked)
_RIGHT, _OTHER = "right", "other"
_MOST_DRAWS = 2_000
"""Each draw is a fit."""
_SURE = 0.05


@dataclass(frozen=True)
class AskedChain:
    """A chain under one tokenizer."""

    pair: ChainPair
    prompts: Mapping[Asked, EncodedItem]
    hops: tuple[tuple[int, int], ...]
    """First tokens of who every link reaches and of who as many links of the other chain reach; `NO_TOKEN` where they are one."""


@dataclass(frozen=True)
class ChainReadings:
    """What is read where the answer is predicted."""

    right: Mapping[Asked, Bool[np.ndarray, " chain"]]
    """Whether the right end is the likeliest of all tokens."""
    other_end: Bool[np.ndarray, " chain"]
    """Whether the other chain's end is, walked."""
    hops: Float[np.ndarray, "chain stream hop"]
    """log P(this link's) − log P(the other chain's) in nats, walked; NaN beyond a chain's depth."""


def asked_chains(checkpoint: Checkpoint, prompt_prefix: str, per_depth: int, seed: int) -> list[AskedChain]:
    """At most `per_depth` chains of each depth that fit the tokenizer and the context."""
    length = token_length(checkpoint)
    found = []
    for depth in DEPTHS:
        for pair in chain_pairs(depth, n=per_depth, seed=seed, token_length=length) if per_depth else ():
            items = [framed(pair.walked, prompt_prefix), framed(pair.filler, prompt_prefix)]
            encoded, _ = encode_items(items, checkpoint, checkpoint.max_context)
            # Behind a shared start of both answers another token would be predicted than the links' ends begin with.
            if len(encoded) == len(items) and not any(one.shared_prefix for one in encoded):
                hops = tuple(_first_tokens(checkpoint, items[0].prompt, names) for names in pair.hops)
                found.append(AskedChain(pair, dict(zip(ASKED, encoded, strict=True)), hops))
    return found


def read_chains(
    reader: ModelReader,
    chains: Sequence[AskedChain],
    store: ActivationStore,
) -> ChainReadings:
    """Runs every prompt that isn't in `store` yet; who the links reach is read at every stream through the logit lens."""
    checkpoint = reader.checkpoint
    prompts = {one.prompts[asked].key: (one, one.prompts[asked]) for one in chains for asked in ASKED}
    todo = [pair for key, pair in prompts.items() if key not in store]
    most = max(DEPTHS)
    with Shard(store, (checkpoint.n_layers + 1) * most * 4) as shard:
        for batch in reader.batches([prompt.prompt for _, prompt in todo], stage="chains"):
            members = [todo[row] for row in batch.rows]
            targets = {
                _RIGHT: torch.tensor([prompt.answer_id for _, prompt in members]),
                _OTHER: torch.tensor([prompt.foil_id or 0 for _, prompt in members]),
            }
            for hop in range(most):
                tokens = [one.hops[hop] if hop < len(one.hops) else (NO_TOKEN, NO_TOKEN) for one, _ in members]
                for side, name in enumerate((f"{_RIGHT} {hop}", f"{_OTHER} {hop}")):
                    targets[name] = torch.tensor([pair[side] for pair in tokens])
            reading = read_lens(checkpoint.readout, batch.values, targets, ranked=(_RIGHT, _OTHER), top_k=1)
            hops = torch.stack(
                [reading.logit_difference(f"{_RIGHT} {hop}", f"{_OTHER} {hop}")[:, :, 0] for hop in range(most)], dim=-1
            )
            shard.add([prompt.key for _, prompt in members], {"hops": hops, "first": reading.ranks[:, -1, 0] == 0})
    keys = {asked: [one.prompts[asked].key for one in chains] for asked in ASKED}
    first = {asked: store.read("first", keys[asked]).numpy().astype(bool) for asked in ASKED}
    return ChainReadings(
        {asked: first[asked][:, 0] for asked in ASKED},
        first["walked"][:, 1],
        store.read("hops", keys["walked"]).double().numpy(),
    )


def chain_store(folder: Path, run_id: str) -> ActivationStore:
    return ActivationStore(folder / "chains", {"run": run_id})


@dataclass(frozen=True)
class MeasuredChains:
    """The summary, and the rows of the tables."""

    summary: ChainDepth
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def measure_chain_depth(
    chains: Sequence[AskedChain], readings: ChainReadings, *, draws: int, null_draws: int, seed: int
) -> MeasuredChains:
    """Success by depth beside filler of the same length, the fit, and where each link's end is readable at the depths that are answered."""
    depth = np.array([one.pair.depth for one in chains])
    rows = tuple(_depth_row(int(level), depth == level, readings, draws, seed) for level in np.unique(depth))
    tested = depth_decay(
        readings.right["walked"], readings.right["filler"], depth, draws=min(draws, _MOST_DRAWS), null_draws=null_draws, seed=seed
    )  # fmt: skip
    fit = None if tested is None else _fit(tested, len(chains), min(draws, _MOST_DRAWS))
    hops, layers = readable_hops([row.depth for row in rows if row.answered], depth, readings, draws, seed)
    return MeasuredChains(
        ChainDepth(depths=rows, verdict=_verdict(rows, fit), fit=fit, hops=tuple(hops)),
        _item_rows(chains, readings),
        layers,
    )


def _depth_row(
    level: int, inside: Bool[np.ndarray, " chain"], readings: ChainReadings, draws: int, seed: int
) -> DepthRow:
    clusters = [str(number) for number in range(int(inside.sum()))]
    right, filler = (cluster_share(readings.right[asked][inside].tolist(), clusters) for asked in ASKED)
    other = cluster_share(readings.other_end[inside].tolist(), clusters)
    apart = readings.right["walked"][inside].astype(float) - readings.other_end[inside]
    beyond = cluster_bootstrap(apart, clusters, draws=draws, seed=seed)[0]
    return DepthRow(
        depth=level,
        items=len(clusters),
        right=Estimated.of(right),
        filler=Estimated.of(filler),
        other_end=Estimated.of(other),
        answered=beyond.low is not None and beyond.low > 0,
    )


def _fit(tested: DecayTest, items: int, draws: int) -> ChainFit:
    def estimated(value: float, ends: tuple[float, float]) -> Estimated:
        method = f"bootstrap of items within depths, refitted, percentile, {draws} draws, 95%"
        return Estimated.of(Estimate(value, *ends, items, items, method))

    return ChainFit(
        start=estimated(tested.start, tested.start_ends),
        lost=estimated(tested.lost, tested.lost_ends),
        filler_lost=estimated(tested.control_lost, tested.control_ends),
        beyond_filler=estimated(tested.beyond, tested.beyond_ends),
        ratio=tested.ratio,
        p_flat=tested.p_flat,
        deviance=tested.deviance,
        p_fit=tested.p_fit,
        falls=tested.p_flat <= _SURE and tested.lost > 0,
        describes=tested.p_fit > _SURE,
    )


def _verdict(rows: Sequence[DepthRow], fit: ChainFit | None) -> ChainVerdict:
    if fit is None or not rows[0].answered:
        return "not-answered"
    if not fit.falls:
        return "flat"
    return "links-cost" if fit.beyond_filler.side > 0 else "length-costs"


def readable_hops(
    levels: Sequence[int], depth: Int[np.ndarray, " chain"], readings: ChainReadings, draws: int, seed: int
) -> tuple[list[HopReadable], list[BehaviourLayerRow]]:
    """Of the depths in `levels`: from which stream on every link's end is readable, and its curve."""
    found, rows = [], []
    looked_at = sum(levels)
    for level in levels:
        inside = np.flatnonzero(depth == level)
        for hop in range(level):
            values = readings.hops[inside, :, hop]
            known = np.isfinite(values).all(axis=1)
            if not known.any():
                continue
            values, clusters = values[known], [str(row) for row in inside[known]]
            rise = onset(values, [], clusters, draws=draws, seed=seed, level=1 - _SURE / looked_at)
            curve = cluster_bootstrap(values, clusters, draws=draws, seed=seed)
            found.append(
                HopReadable(
                    depth=level, hop=hop + 1, stream=rise.stream, interval=None if rise.low is None else (rise.low, rise.high),
                    at_end=Estimated.of(curve[-1]),
                )
            )  # fmt: skip
            rows += curve_rows(
                curve, measure="chain", kind="reasoning", quantity=f"hop_{hop + 1}", condition=f"of_{level}"
            )
    return found, rows


def _item_rows(chains: Sequence[AskedChain], readings: ChainReadings) -> list[BehaviourItemRow]:
    rows = []
    for row, one in enumerate(chains):
        for asked in ASKED:
            item, right = one.prompts[asked].item, bool(readings.right[asked][row])
            other = bool(readings.other_end[row]) if asked == "walked" else None
            rows.append(
                BehaviourItemRow(
                    item=item.id, measure="chain", condition=asked, kind=item.kind, family=item.family, cluster=item.cluster, options=2,
                    chosen=item.answer if right else item.foil if other else "", right=item.answer, correct=right, links=one.pair.depth,
                )
            )  # fmt: skip
    return rows


def _first_tokens(checkpoint: Checkpoint, prompt: str, names: tuple[str, str]) -> tuple[int, int]:
    """Of both names behind the prompt; none where they begin alike or merge with it."""
    before = checkpoint.encode(prompt)
    ids = []
    for name in names:
        whole = checkpoint.encode(f"{prompt} {name}")
        ids.append(whole[len(before)] if whole[: len(before)] == before and len(whole) > len(before) else NO_TOKEN)
    return (ids[0], ids[1]) if ids[0] != ids[1] and NO_TOKEN not in ids else (NO_TOKEN, NO_TOKEN)
