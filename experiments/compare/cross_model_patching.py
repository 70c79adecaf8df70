"""What do contributions of one model do in another? Scored into a store, and told in the `crossed` table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.layer_swap_scores import LEAST_LOGITS, bootstrap, value_columns
from strata.experiments.compare.resumable_batches import write_pairs
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.entity import entity_of
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.comparison_reasons import WhyNoValue
from strata.experiments.results.rows import Row
from strata.experiments.results.table import Value
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.intervention import CrossPatching
from strata.probes.interventions.minimal_pairs import SPAN
from strata.probes.model_diff.cross_model_patching import SourceModel, cross_patch
from strata.probes.progress import Progress, silent

CROSS = (
    CrossPatching("other_model", "block_out", "last"),
    CrossPatching("other_model", "attn_out", "last"),
    CrossPatching("other_model", "mlp_out", "last"),
    CrossPatching("other_model", "attn_out", SPAN),
    CrossPatching("other_model", "mlp_out", SPAN),
    CrossPatching("other_model", "block_out", "all"),
)


def cross_lines(config: CompareConfig, *, null: bool = False) -> tuple[CrossPatching, ...]:
    """The lines of a run; with `null` each one's random counterpart behind them."""
    lines = tuple(line for line in CROSS if line.position in config.crossed_positions)
    return (*lines, *_random(lines)) if null else lines


def _random(lines: Sequence[CrossPatching]) -> tuple[CrossPatching, ...]:
    return tuple(line._replace(measure="random_step") for line in lines)


def store_crossed(
    store: ActivationStore,
    receiver: Checkpoint,
    source: Checkpoint | SourceModel,
    items: Sequence[EncodedItem],
    config: CompareConfig,
    *,
    null: bool = False,
    progress: Progress = silent,
) -> None:
    """Patches contributions of `source`, a model or what is kept of one on disk, into `receiver`.

    Stores source, receiver (item) and every line (item × layer), with `null` the random ones too. A kill loses one batch.
    """
    lines = cross_lines(config, null=null)
    write_pairs(store, items, progress, "cross-model patching", lambda pairs: (
        (
            batch.rows,
            {"source": batch.source, "receiver": batch.receiver}
            | {name_of(line): batch.shift[line] for line in lines},
        )
        for batch in cross_patch(receiver, source, pairs, lines, seed=config.locate.seed)
    ))  # fmt: skip


def name_of(line: CrossPatching) -> str:
    """What the line's tensor is called in a store."""
    return f"{'random/' if line.measure == 'random_step' else ''}{line.component}/{line.position}"


def cross_rows(
    store: ActivationStore,
    items: Sequence[EncodedItem],
    names: Mapping[str, str | None],
    config: CompareConfig,
    *,
    null: bool = False,
) -> Iterator[Row]:
    """Rows of the `crossed` table: `Σ ± shift / Σ |source − receiver|` by kind, block and line, with its interval.

    Every item is turned so that its source lies above: models that differ in both directions would cancel otherwise.
    With `null` those of the random lines instead.
    """
    keys = [item.key for item in items]
    source, receiver = (store.read(name, keys).double().numpy() for name in ("source", "receiver"))
    whole = source - receiver
    for kind in KNOWLEDGE_AND_REASONING:
        rows = [
            row
            for row, encoded_item in enumerate(items)
            if encoded_item.item.kind == kind and abs(whole[row]) >= LEAST_LOGITS
        ]
        asked = sum(encoded_item.item.kind == kind for encoded_item in items)
        if not asked:
            continue
        why = WhyNoValue(code="hardly-differ-anywhere", least=LEAST_LOGITS, items=asked)
        reason = None if rows else why.as_column()
        clusters = [entity_of(items[row].item) for row in rows]
        for line in _random(cross_lines(config)) if null else cross_lines(config):
            common: dict[str, Value] = {
                **names,
                "component": line.component,
                "position": line.position,
                "kind": kind,
                "reason": reason,
            }
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
