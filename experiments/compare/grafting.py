"""Which blocks of the distilled model bring its gain, and which its loss? Grafts and cross-model patches, in tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from experiments.compare.config import CompareConfig
from experiments.compare.paired import as_json, excludes_zero
from experiments.items.alignment import EncodedItem
from experiments.locate.causal.choose import as_pair, spread_over_entities
from experiments.locate.questions import entity_of
from experiments.statistics.bootstrap import Estimate, cluster_bootstrap, cluster_bootstrap_ratio
from probes.causal.cross_model import CrossLine, cross_patch
from probes.causal.grafts import Graft, graft, grafts_of
from probes.causal.pairs import Pair
from probes.causal.random_delta import RandomDelta
from probes.checkpoints.checkpoint import Checkpoint
from probes.progress import Progress, silent
from probes.store import ActivationStore

KINDS = ("knowledge", "reasoning")
LEAST_ACCURACY = 0.05
"""Share of items by which two models must differ before a recovery of that difference is formed."""
LEAST_LOGITS = 0.1
"""The same for the mean logit difference."""
CROSS = (
    CrossLine("block_out", "last"),
    CrossLine("attn_out", "last"),
    CrossLine("mlp_out", "last"),
    CrossLine("block_out", "all"),
)
SCORES = {"logit_difference": LEAST_LOGITS, "accuracy": LEAST_ACCURACY}


def graft_items(
    encoded: Sequence[EncodedItem], answered: frozenset[str], per_kind: int, seed: int
) -> tuple[EncodedItem, ...]:
    """Aligned items of both kinds, shared out over families and entities.

    Families in which some model answers something (`answered`: ids that at least one of the models answers); what one
    model lost or gained must be in, so items that only one of them answers are as good as others.
    """
    by_family: dict[tuple[str, str], list[EncodedItem]] = defaultdict(list)
    for one in encoded:
        usable = one.aligned and one.foil_prompt is not None and one.foil_id is not None
        if one.item.kind in KINDS and usable and one.prompt.ids != (one.foil_prompt.ids if one.foil_prompt else ()):
            by_family[one.item.kind, one.item.family].append(one)
    asked = {name: members for name, members in by_family.items() if any(one.key in answered for one in members)}
    found: list[EncodedItem] = []
    for (kind, _), members in asked.items():
        share = -(-per_kind // sum(other == kind for other, _ in asked))
        found += spread_over_entities(members, seed)[:share]
    return tuple(found)


def store_grafts(
    store: ActivationStore,
    base: Checkpoint,
    donor: Checkpoint | RandomDelta,
    items: Sequence[EncodedItem],
    grafts: Sequence[Graft],
    *,
    progress: Progress = silent,
    stage: str = "grafts",
) -> None:
    """Scores every pair under every graft into `store` (clean, foil, top: item × graft). A kill loses one batch."""
    _resumed(store, items, progress, stage, lambda pairs: (
        (one.rows, {"clean": one.clean, "foil": one.foil, "top": one.top.to(torch.uint8)})
        for one in graft(base, donor, pairs, grafts)
    ))  # fmt: skip


def cross_lines(config: CompareConfig) -> tuple[CrossLine, ...]:
    return tuple(line for line in CROSS if line.position in config.crossed_positions)


def store_crossed(
    store: ActivationStore,
    receiver: Checkpoint,
    lender: Checkpoint,
    items: Sequence[EncodedItem],
    config: CompareConfig,
    *,
    progress: Progress = silent,
    stage: str = "cross-model patching",
) -> None:
    """Patches contributions of `lender` into `receiver` and stores lender, receiver (item) and every line (item × layer)."""
    lines = cross_lines(config)
    _resumed(store, items, progress, stage, lambda pairs: (
        (
            one.rows,
            {"lender": one.lender, "receiver": one.receiver}
            | {f"{line.component}/{line.position}": one.shift[line] for line in lines},
        )
        for one in cross_patch(receiver, lender, pairs, lines)
    ))  # fmt: skip


Measured = Iterator[tuple[Sequence[int], Mapping[str, torch.Tensor]]]


def _resumed(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    progress: Progress,
    stage: str,
    measured: Callable[[Sequence[Pair]], Measured],
) -> None:
    pairs = [as_pair(one) for one in items]
    todo = [pair for pair in pairs if pair.key not in store]
    done = len(pairs) - len(todo)
    progress(stage, done, len(pairs), "pairs")
    if not todo:
        return
    for rows, tensors in measured(todo):
        store.write([todo[row].key for row in rows], dict(tensors))
        done += len(rows)
        progress(stage, done, len(pairs), "pairs")


def graft_rows(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    grafts: Sequence[Graft],
    names: Mapping[str, str | None],
    config: CompareConfig,
) -> Iterator[dict[str, Any]]:
    """Rows of the `grafts` table. `names`: the columns `contrast` and `direction`.

    `recovery` is the share of the difference between the two models that a graft brings over, formed over the sums of a
    resampled set of clusters; null with the `reason` where the models hardly differ. A random change has no model of its own to recover.
    """
    keys = [one.key for one in items]
    clean = store.read("clean", keys).double().numpy()
    scores = {"logit_difference": clean, "accuracy": (clean > 0).astype(float)}
    index = {one.sweep: column for column, one in enumerate(grafts)}
    for kind in KINDS:
        rows = [row for row, one in enumerate(items) if one.item.kind == kind]
        if not rows:
            continue
        clusters = [entity_of(items[row].item) for row in rows]
        for measure, least in SCORES.items():
            values = scores[measure][rows]
            nothing = values[:, index["nothing"]]
            everything = values[:, index["everything"]] if "everything" in index else None
            means = _bootstrap(values, np.ones_like(values), clusters, config)
            recovered: list[Estimate] | None = None
            reason = "the donor has no model of its own"
            if everything is not None:
                whole = everything - nothing
                reason = f"the two models differ by {abs(whole.mean()):.3g}, less than {least:g}"
                if abs(whole.mean()) >= least:
                    recovered = _bootstrap(
                        values - nothing[:, None], np.repeat(whole[:, None], values.shape[1], 1), clusters, config
                    )
            for column, one in enumerate(grafts):
                share = recovered[column] if recovered is not None else None
                yield {
                    **names, "sweep": one.sweep, "layer": one.layer, "kind": kind, "measure": measure,
                    **_value(means[column]), **_value(share, "recovery"),
                    "reason": None if share is not None else reason,
                }  # fmt: skip


def halves(
    store: ActivationStore, items: Sequence[EncodedItem], grafts: Sequence[Graft], n_layers: int, config: CompareConfig
) -> dict[str, dict[str, Any]]:
    """By kind and measure: recovery by the upper half of the donor's blocks minus recovery by its lower half.

    The popular story in one number: 1 where the upper half brings the whole change and the lower none of it, −1 the other
    way round. `cut` is the first block of the upper half. `whole` is the change itself, of which an interval that covers 0 leaves nothing to explain.
    """
    places = {(one.sweep, one.layer): column for column, one in enumerate(grafts)}
    cuts = [one.layer for one in grafts if one.sweep == "suffix" and one.layer and ("prefix", one.layer - 1) in places]
    if not cuts:
        return {}
    middle = min(cuts, key=lambda cut: abs(2 * cut - n_layers))
    upper, lower = places["suffix", middle], places["prefix", middle - 1]
    clean = store.read("clean", [one.key for one in items]).double().numpy()
    scores = {"logit_difference": clean, "accuracy": (clean > 0).astype(float)}
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        rows = [row for row, one in enumerate(items) if one.item.kind == kind]
        if not rows:
            continue
        clusters = [entity_of(items[row].item) for row in rows]
        found[kind] = {}
        for measure, least in SCORES.items():
            values = scores[measure][rows]
            whole = (values[:, places["everything", None]] - values[:, places["nothing", None]])[:, None]
            change = cluster_bootstrap(whole, clusters, draws=config.locate.draws, seed=config.locate.seed)[0]
            entry: dict[str, Any] = {"cut": middle, "whole": as_json(change), "upper_minus_lower": None, "reason": None}
            if change.low is None:
                entry["reason"] = f"{change.n_clusters} clusters are too few for an interval"
            elif abs(change.value) < least or not excludes_zero(as_json(change)):
                entry["reason"] = "the two models do not differ enough on these items for a part to be named"
            else:
                apart = (values[:, upper] - values[:, lower])[:, None]
                entry["upper_minus_lower"] = as_json(_bootstrap(apart, whole, clusters, config)[0])
            found[kind][measure] = entry
    return found


def cross_rows(
    store: ActivationStore, items: Sequence[EncodedItem], names: Mapping[str, str | None], config: CompareConfig
) -> Iterator[dict[str, Any]]:
    """Rows of the `crossed` table: `Σ ± shift / Σ |lender − receiver|` by kind, block and line, with its interval.

    Every item is turned so that its lender lies above: models that differ in both directions would cancel otherwise.
    """
    keys = [one.key for one in items]
    lender, receiver = (store.read(name, keys).double().numpy() for name in ("lender", "receiver"))
    whole = lender - receiver
    for kind in KINDS:
        rows = [row for row, one in enumerate(items) if one.item.kind == kind and abs(whole[row]) >= LEAST_LOGITS]
        asked = sum(one.item.kind == kind for one in items)
        if not asked:
            continue
        reason = None if rows else f"the models differ by {LEAST_LOGITS:g} logits or more on none of {asked} items"
        clusters = [entity_of(items[row].item) for row in rows]
        for line in cross_lines(config):
            common = {**names, "component": line.component, "position": line.position, "kind": kind, "reason": reason}
            if not rows:
                yield {**common, "layer": None, "n_items": 0, "n_clusters": 0}
                continue
            shift = store.read(f"{line.component}/{line.position}", keys).double().numpy()[rows]
            sizes = np.abs(whole[rows])[:, None]
            there = np.isfinite(shift)
            moved = np.where(there, shift * np.sign(whole[rows])[:, None], 0.0)
            estimates = _bootstrap(moved, np.where(there, sizes, 0.0), clusters, config)
            for layer, one in enumerate(estimates):
                yield {**common, "layer": layer, **_value(one)}


def _bootstrap(top: np.ndarray, bottom: np.ndarray, clusters: Sequence[str], config: CompareConfig) -> list[Estimate]:
    return cluster_bootstrap_ratio(top, bottom, clusters, draws=config.locate.draws, seed=config.locate.seed)


def _value(estimate: Estimate | None, name: str = "value") -> dict[str, Any]:
    if name != "value":
        low, high = f"{name}_low", f"{name}_high"
        if estimate is None or not np.isfinite(estimate.value):
            return {name: None, low: None, high: None}
        return {name: estimate.value, low: estimate.low, high: estimate.high}
    assert estimate is not None
    value = estimate.value if np.isfinite(estimate.value) else None
    return {
        "value": value, "low": estimate.low, "high": estimate.high, "n_items": estimate.n_items,
        "n_clusters": estimate.n_clusters, "method": estimate.method,
    }  # fmt: skip


def all_grafts(n_layers: int, config: CompareConfig, *, whole_models: bool = True) -> tuple[Graft, ...]:
    """The grafts of a run; a donor that is no whole model (a random change) has blocks only."""
    sweeps = [one for one in config.graft_sweeps if whole_models or one in ("nothing", "prefix", "suffix", "single")]
    return grafts_of(n_layers, sweeps, stride=min(config.graft_stride, n_layers))


def graft_names(grafts: Sequence[Graft]) -> list[str]:
    """What tells a set of grafts from another one, in any process: a set's own text is ordered by chance."""
    return [
        f"{one.sweep} {one.layer}: blocks {one.blocks.start} to {one.blocks.stop}, {' '.join(sorted(one.ends))}"
        for one in grafts
    ]
