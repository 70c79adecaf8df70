"""What stands beside a place and can't make one: zero and mean ablation of single blocks, and their damage to neutral text.

Both take a model off its distribution, so a drop may be damage (2404.15255); necessity by other items' pieces is measured
with the windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.cell_evidence import drawn_clusters
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.results.locate_tables import CurveRow
from strata.experiments.statistics.window_effects import cluster_means
from strata.probes.interventions.ablation import ablate_pairs
from strata.probes.interventions.damage import LAST_TOKENS, damage
from strata.probes.interventions.intervention import Ablation
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.lens.fitting_text import sample_text, text_tokens
from strata.probes.progress import Progress, silent
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.statistics.bootstrap import cluster_codes

Extent = Literal["default", "full"]
NEUTRAL = "neutral text"
ABLATIONS = (Ablation("zero", "mlp_out"), Ablation("mean", "mlp_out"))
_ALL = (*ABLATIONS, Ablation("zero", "attn_out"), Ablation("mean", "attn_out"))
_PAIRS: dict[Extent, int] = {"default": 4, "full": 12}
"""Pairs of a family that are ablated."""
_TEXT_LENGTH = 40
_METHOD = "ratio of cluster means; cluster bootstrap, {} draws, 95%"


@dataclass(frozen=True)
class AblationSettings:
    """How much is ablated, and how its numbers are made."""

    extent: Extent
    """`full`: attention too, on more pairs."""
    draws: int
    """Of clusters, at most."""
    seed: int
    neutral_texts: int
    """Texts on which damage is measured."""
    text: str | None
    """File that they come from; None: the model's own."""


def covariates(
    runs: Runs,
    selected: Sequence[SelectedFamily],
    settings: AblationSettings,
    *,
    progress: Progress = silent,
) -> Iterator[CurveRow]:
    """Rows of the curves table by kind: drop of the logit difference by block, over pairs of its families, and the damage.

    None where there is no pair: damage stands beside a drop. Raises StrataError for a `--text` that is too short.
    """
    ablations = _ALL if settings.extent == "full" else ABLATIONS
    most = _PAIRS[settings.extent]
    dropped = False
    for kind in KINDS:
        members = [
            family for family in selected if family.pairs.kind == kind and family.answered and kind != "composite"
        ]
        pairs = [pair for family in members for pair in family.pairs.pairs[:most]]
        entities = [entity for family in members for entity in family.pairs.entities[:most]]
        if pairs:
            dropped = True
            yield from _dropped(runs, kind, pairs, entities, _donors(members), ablations, settings, progress)
    if dropped:
        yield from _damaged(runs, ablations, settings, progress)


def _donors(members: Sequence[SelectedFamily]) -> list[Pair]:
    return [pair for family in members for pair in family.pairs.pairs]


def _dropped(
    runs: Runs,
    kind: str,
    pairs: Sequence[Pair],
    entities: Sequence[str],
    donors: Sequence[Pair],
    ablations: Sequence[Ablation],
    settings: AblationSettings,
    progress: Progress,
) -> Iterator[CurveRow]:
    checkpoint = runs.checkpoint
    drops = {ablation: np.full((len(pairs), checkpoint.n_layers), np.nan) for ablation in ablations}
    intact = np.full(len(pairs), np.nan)
    for batch in ablate_pairs(runs, pairs, donors, ablations, progress=progress, stage=f"ablation, {kind}"):
        rows = list(batch.rows)
        intact[rows] = batch.intact.double().numpy()
        for ablation, drop in batch.drop.items():
            drops[ablation][rows] = drop.double().numpy()
    drawn = drawn_clusters(cluster_codes(entities), draws=min(settings.draws, 2_000), seed=settings.seed)
    size = drawn.weights @ cluster_means(intact[:, None], drawn.clusters)
    for ablation, table in drops.items():
        if not np.isfinite(table).all():
            continue
        shares = (drawn.weights @ cluster_means(table, drawn.clusters)) / size
        for block in range(checkpoint.n_layers):
            estimate = drawn.measured(shares[:, block])
            low, high = estimate.interval or (None, None)
            yield CurveRow(
                instrument="ablation", measure=ablation.measure, component=ablation.component, kind=kind, family=None,
                scheme="used", position="question", axis="block", layer=block, mean=estimate.value, low=low, high=high,
                n_items=len(pairs), n_clusters=drawn.weights.shape[1], method=_METHOD.format(len(drawn.weights) - 1),
            )  # fmt: skip


def _damaged(
    runs: Runs, ablations: Sequence[Ablation], settings: AblationSettings, progress: Progress
) -> Iterator[CurveRow]:
    """KL per token on neutral text: the run's `--text`, by default text sampled from the model itself by its seed."""
    checkpoint, backend = runs.checkpoint, runs.backend
    n_tokens = settings.neutral_texts * _TEXT_LENGTH
    if settings.text is not None:
        neutral = text_tokens(checkpoint, Path(settings.text), n_tokens, length=_TEXT_LENGTH)
    else:
        neutral = sample_text(checkpoint, n_tokens, settings.seed, length=_TEXT_LENGTH, backend=backend)
    texts = [tuple(int(token) for token in row) for row in neutral[: settings.neutral_texts]]
    last = min(LAST_TOKENS, max(1, len(texts[0]) // 2))
    measured = damage(runs, texts, ablations, last_tokens=last, progress=progress)
    for ablation, values in measured.items():
        by_text: Float[np.ndarray, "text layer"] = values.double().numpy()
        for block, of_block in enumerate(by_text.T):
            yield CurveRow(
                instrument="damage", measure=ablation.measure, component=ablation.component, kind=NEUTRAL, family=None,
                scheme="used", position="question", axis="block", layer=block, mean=float(of_block.mean()),
                n_items=len(by_text), n_clusters=len(by_text), method="mean over neutral texts, nats a token",
            )  # fmt: skip
