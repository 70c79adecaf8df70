"""What stands beside a place and can't make one: skip and mean ablation of single blocks, and their damage to neutral text.

Both take a model off its distribution, so a drop may be damage (2404.15255); necessity by other items' pieces is measured
with the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.cell_evidence import drawn_clusters
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.locate.config import LocateConfig
from strata.experiments.statistics.window_effects import cluster_means
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.ablation import ablate_pairs
from strata.probes.interventions.damage import LAST_TOKENS, damage
from strata.probes.interventions.intervention import Ablation
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.lens.fitting_text import sample_text, text_tokens
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import cluster_codes

Row = dict[str, Any]
NEUTRAL = "neutral text"
ABLATIONS = (Ablation("skip", "mlp_out"), Ablation("mean", "mlp_out"))
_ALL = (*ABLATIONS, Ablation("skip", "attn_out"), Ablation("mean", "attn_out"))
_PAIRS = {"default": 4, "full": 12}
"""Pairs of a family that are ablated."""
_TEXT_LENGTH = 40
_METHOD = "ratio of cluster means; cluster bootstrap, {} draws, 95%"


def covariates(
    checkpoint: Checkpoint, selected: Sequence[SelectedFamily], config: LocateConfig, *, progress: Progress = silent
) -> Iterator[Row]:
    """Rows of the curves table by kind: drop of the logit difference by block, over pairs of its families, and the damage.

    None where there is no pair: damage stands beside a drop. Raises StrataError for a `--text` that is too short.
    """
    if config.causal_map not in _PAIRS:
        return
    ablations = _ALL if config.causal_map == "full" else ABLATIONS
    most = _PAIRS[config.causal_map]
    dropped = False
    for kind in KINDS:
        members = [
            family for family in selected if family.pairs.kind == kind and family.answered and kind != "composite"
        ]
        pairs = [pair for family in members for pair in family.pairs.pairs[:most]]
        entities = [entity for family in members for entity in family.pairs.entities[:most]]
        if pairs:
            dropped = True
            yield from _dropped(checkpoint, kind, pairs, entities, _donors(members), ablations, config, progress)
    if dropped:
        yield from _damaged(checkpoint, ablations, config, progress)


def _donors(members: Sequence[SelectedFamily]) -> list[Pair]:
    return [pair for family in members for pair in family.pairs.pairs]


def _dropped(
    checkpoint: Checkpoint,
    kind: str,
    pairs: Sequence[Pair],
    entities: Sequence[str],
    donors: Sequence[Pair],
    ablations: Sequence[Ablation],
    config: LocateConfig,
    progress: Progress,
) -> Iterator[Row]:
    drops = {ablation: np.full((len(pairs), checkpoint.n_layers), np.nan) for ablation in ablations}
    intact = np.full(len(pairs), np.nan)
    for batch in ablate_pairs(checkpoint, pairs, donors, ablations, progress=progress, stage=f"ablation, {kind}"):
        rows = list(batch.rows)
        intact[rows] = batch.intact.double().numpy()
        for ablation, drop in batch.drop.items():
            drops[ablation][rows] = drop.double().numpy()
    drawn = drawn_clusters(cluster_codes(entities), draws=min(config.draws, 2_000), seed=config.seed)
    size = drawn.weights @ cluster_means(intact[:, None], drawn.clusters)
    for ablation, table in drops.items():
        if not np.isfinite(table).all():
            continue
        shares = (drawn.weights @ cluster_means(table, drawn.clusters)) / size
        for block in range(checkpoint.n_layers):
            estimate = drawn.measured(shares[:, block])
            low, high = estimate.interval or (None, None)
            yield _row(ablation.measure, ablation.component, kind, block, len(pairs), drawn.weights.shape[1]) | {
                "instrument": "ablation", "mean": estimate.value, "low": low, "high": high,
                "method": _METHOD.format(len(drawn.weights) - 1),
            }  # fmt: skip


def _damaged(
    checkpoint: Checkpoint, ablations: Sequence[Ablation], config: LocateConfig, progress: Progress
) -> Iterator[Row]:
    """KL per token on neutral text: the run's `--text`, by default text sampled from the model itself by its seed."""
    n_tokens = config.damage_texts * _TEXT_LENGTH
    if config.text is not None:
        neutral = text_tokens(checkpoint, Path(config.text), n_tokens, length=_TEXT_LENGTH)
    else:
        neutral = sample_text(checkpoint, n_tokens, config.seed, length=_TEXT_LENGTH)
    texts = [tuple(int(token) for token in row) for row in neutral[: config.damage_texts]]
    last = min(LAST_TOKENS, max(1, len(texts[0]) // 2))
    for ablation, values in damage(checkpoint, texts, ablations, last_tokens=last, progress=progress).items():
        by_text: Float[np.ndarray, "text layer"] = values.double().numpy()
        for block, of_block in enumerate(by_text.T):
            yield _row(ablation.measure, ablation.component, NEUTRAL, block, len(by_text), len(by_text)) | {
                "instrument": "damage", "mean": float(of_block.mean()), "low": None, "high": None,
                "method": "mean over neutral texts, nats a token",
            }  # fmt: skip


def _row(measure: str, component: str, kind: str, block: int, n_items: int, n_clusters: int) -> Row:
    return {
        "measure": measure, "component": component, "kind": kind, "family": None, "target": None, "scheme": "used",
        "position": "question", "axis": "block", "layer": block, "n_items": n_items, "n_clusters": n_clusters,
    }  # fmt: skip
