"""Attribution patching as a screen before exact patching: does it keep the blocks that make the answer?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.calibrate.shares import share
from strata.experiments.calibrate.truth import FamilyTruth
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import Item
from strata.experiments.results.calibration import ScreenRecord
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.attribution_patching import Part, attribute_pairs
from strata.probes.interventions.minimal_pairs import SPAN, pair_of

_KEPT = 0.1
"""Share of the cell's largest attribution from which a block is kept."""
_AT: Mapping[str, tuple[Part, str]] = {
    "enrich": ("mlp_out", SPAN), "gather": ("attn_out", SPAN), "move": ("attn_out", "last"), "work_out": ("mlp_out", "last")
}  # fmt: skip


@dataclass(frozen=True)
class Screened:
    """What the screen keeps in the true cell of one family."""

    model: str
    family: str
    cell: str
    true: int
    """Blocks that make the answer."""
    recalled: int
    kept: int
    blocks: int


def screened(checkpoint: Checkpoint, model: str, name: str, truth: FamilyTruth, items: Sequence[Item]) -> Screened:
    """Of one family's items; a pair whose prompts don't line up plays no part."""
    part, position = _AT[truth.cell]
    encoded, _ = encode_items(items, checkpoint, checkpoint.max_context)
    pairs = [pair_of(one, name) for one in encoded if one.aligned]
    scores = attribute_pairs(checkpoint, pairs, part, position).nansum(0).abs()
    if position == SPAN:
        # Block 0 at a replaced word is the word itself.
        scores[0] = 0.0
    kept = {block for block, score in enumerate(scores.tolist()) if score >= _KEPT * float(scores.max())}
    return Screened(
        model, name, truth.cell, len(truth.blocks), len(kept & set(truth.blocks)), len(kept), checkpoint.n_layers
    )


def screen_records(found: Iterable[Screened]) -> Iterator[ScreenRecord]:
    """By cell."""
    found = tuple(found)
    for cell in sorted({one.cell for one in found}):
        of_cell = [one for one in found if one.cell == cell]
        models = [
            [one for one in of_cell if one.model == model] for model in dict.fromkeys(one.model for one in of_cell)
        ]
        yield ScreenRecord(
            cell=cell,
            recall=share(
                [(sum(one.recalled for one in of_model), sum(one.true for one in of_model)) for of_model in models]
            ),
            kept=share(
                [(sum(one.kept for one in of_model), sum(one.blocks for one in of_model)) for of_model in models]
            ),
        )
