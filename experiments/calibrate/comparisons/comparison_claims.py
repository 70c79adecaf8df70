"""What does a comparison say of its two models? A part of `comparison.json`, and the block and cell that its exchanges name.

Which block a change of the answers stems from is read as a person reads it: the one whose swap alone brings at least half of the
change, both ways; and there the contribution that, patched into the other model, brings the most of it and at least half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from strata.experiments.calibrate.scored_summary import ScoredPart, ScoredPlace
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.results.comparison import ComparedKind, Comparison
from strata.experiments.results.comparison_tables import CROSSED, LAYER_SWAPS, CrossedRow, LayerSwapRow
from strata.experiments.results.roles import DISTILLED
from strata.experiments.run.files import table_of

_MOST = 0.5
"""Of a change: what brings at least so much of it is named."""
_CELLS: Mapping[tuple[str, str], str] = {
    ("mlp_out", "span"): "enrich", ("attn_out", "span"): "gather", ("attn_out", "last"): "move", ("mlp_out", "last"): "work_out",
}  # fmt: skip


class ClaimedSource(ScoredPart):
    """The block whose swap alone brings the most of a kind's change, and the cell that brings the most of it there."""

    block: int
    recovered: float
    """Share of the change, mean of both ways."""
    cell: str | None = None
    brought: float | None = None
    """Share of the change that the cell's contribution brings, mean of both ways."""

    @property
    def named(self) -> bool:
        """Whether both bring enough to be named."""
        return self.recovered >= _MOST and self.brought is not None and self.brought >= _MOST


class ClaimedMove(ScoredPart):
    """A family that is said to be answered elsewhere."""

    family: str
    before: ScoredPlace
    after: ScoredPlace


class ClaimedCell(ScoredPart):
    """A cell of a family whose effect is said to have changed."""

    family: str
    cell: str
    whole: bool
    blocks: tuple[int, ...] = ()


class KindClaims(ScoredPart):
    """What is said of the answers of one kind."""

    claimed: int
    """1: a gain, −1: a loss; beyond what is format."""
    falls_as_asked: bool
    """Whether fewer are answered right as they are asked, surely."""
    format_from: float | None = None
    """Lower end of the share of that fall which is format; None: no share is said."""
    depth: str = "undetermined"
    """`deeper`, `shallower` or `unchanged`, where that is said."""
    source: ClaimedSource | None = None
    """None: the exchanges share no change out."""


class ComparisonClaims(ScoredPart):
    """Everything that is scored."""

    kinds: dict[str, KindClaims]
    moved: tuple[ClaimedMove, ...] = ()
    stayed: int = 0
    """Families that are said to be answered at the same place."""
    changed: tuple[ClaimedCell, ...] = ()


def claims_of(comparison: Comparison, run: Path) -> ComparisonClaims:
    """`run`: the directory of the comparison. Raises DamagedError where its tables aren't what it wrote."""
    swaps = LAYER_SWAPS.rows(table_of(run, LAYER_SWAPS.name))
    crossed = CROSSED.rows(table_of(run, CROSSED.name))
    cells = comparison.cells[DISTILLED]
    return ComparisonClaims(
        kinds={kind: _of_kind(comparison, kind, source_of(kind, swaps, crossed)) for kind in KNOWLEDGE_AND_REASONING},
        moved=tuple(
            ClaimedMove(family=move.family, before=ScoredPlace.model_validate(move.before.model_dump()), after=ScoredPlace.model_validate(move.after.model_dump()))
            for move in cells.moved
        ),
        stayed=cells.stayed,
        changed=tuple(
            ClaimedCell(family=one.family, cell=one.cell, whole=one.whole, blocks=tuple(block.block for block in one.blocks))
            for one in cells.changed
        ),
    )  # fmt: skip


def _of_kind(comparison: Comparison, kind: Kind, source: ClaimedSource | None) -> KindClaims:
    of_kind = comparison.kind(kind)
    change, depth = of_kind.accuracy.change, of_kind.location_change.get(DISTILLED)
    verdict = comparison.verdict
    return KindClaims(
        claimed=verdict.gain if kind == "reasoning" else verdict.loss,
        falls_as_asked=change is not None and change.side < 0,
        format_from=_format_from(of_kind),
        depth="undetermined" if depth is None else depth.verdict,
        source=source,
    )


def _format_from(of_kind: ComparedKind) -> float | None:
    measure = None if of_kind.format is None else of_kind.format.measures.get("accuracy")
    share = None if measure is None else measure.format.share
    return None if share is None else share.low


def source_of(kind: str, swaps: Iterable[LayerSwapRow], crossed: Iterable[CrossedRow]) -> ClaimedSource | None:
    """Of the logit differences of a kind; None where no share of a change is told, one way or the other."""
    recovered = _both_ways(
        (row["direction"], row["layer"], row["recovery"])
        for row in swaps
        if (row["contrast"], row["kind"], row["measure"], row["sweep"]) == (DISTILLED, kind, "logit_difference", "single")
    )  # fmt: skip
    if not recovered:
        return None
    block = max(recovered, key=recovered.__getitem__)
    at_block: dict[str, float] = {}
    rows = [row for row in crossed if (row["contrast"], row["kind"], row["layer"]) == (DISTILLED, kind, block)]
    for (component, position), cell in _CELLS.items():
        brought = _both_ways(
            (row["direction"], row["layer"], row["value"])
            for row in rows
            if (row["component"], row["position"]) == (component, position)
        )
        if block in brought:
            at_block[cell] = brought[block]
    best = max(at_block, key=at_block.__getitem__, default=None)
    return ClaimedSource(
        block=block, recovered=recovered[block], cell=best, brought=None if best is None else at_block[best]
    )


def _both_ways(rows: Iterable[tuple[str, int | None, float | None]]) -> dict[int, float]:
    """By block the mean share of both directions; of blocks that have one in both."""
    shares: dict[int, dict[str, float]] = defaultdict(dict)
    for direction, block, share in rows:
        if block is not None and share is not None:
            shares[block][direction] = share
    return {block: _mean(list(of_block.values())) for block, of_block in shares.items() if len(of_block) == 2}


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
