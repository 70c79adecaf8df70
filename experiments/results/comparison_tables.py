"""The tables of a `compare`: what each row and column says. Whoever writes or reads one of them looks here."""

from __future__ import annotations

from typing import Annotated, TypedDict

from strata.experiments.results.column_types import (
    Axis,
    Component,
    Family,
    FamilyOrAll,
    High,
    Kind,
    LayerOrNone,
    Low,
    Method,
    NClusters,
    NItems,
    Other,
    Position,
    Reason,
)
from strata.experiments.results.table import Table

Direction = Annotated[str, "`into MODEL`: which model receives what is taken from the other"]
Dimensions = Annotated[
    str, "`all`, or `trimmed`: without the `dominant` ones; where there are none a `trimmed` row would repeat `all`, so there is none"
]  # fmt: skip
Dominant = Annotated[str | None, "dimensions that hold most of the streams; null: there are none"]
Excluded = Annotated[str | None, "the family without which it is measured; null: none"]
NAppended = Annotated[int | None, "items that are scored behind a start their answer and foil share, which is not read"]


class ChangeRow(TypedDict, total=False):
    """Readings of the same items in two models."""

    contrast: Annotated[str, "change, control_change, or difference_in_differences"]
    instrument: Annotated[str, "`lens.NAME` or `patching`"]
    measure: Annotated[str, "what is read"]
    component: Component
    position: Position
    kind: Kind
    axis: Axis
    layer: LayerOrNone
    before: Annotated[float | None, "mean in the first model of the contrast"]
    after: Annotated[float | None, "mean in the second"]
    difference: Annotated[float, "paired by item"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    method: Method


class LikenessRow(TypedDict, total=False):
    """Rank correlation of two models' profiles over layers, and the split-half ceiling it is held against."""

    contrast: Other
    kind: Kind
    instrument: Annotated[str, "`lens.NAME` or `patching`"]
    measure: Annotated[str, "what is read"]
    component: Component
    position: Position
    axis: Axis
    between: Annotated[float | None, "correlation of the two models' profiles"]
    ceiling: Annotated[float | None, "correlation of halves of one model's items"]
    n_clusters: NClusters
    reason: Reason


class CellChangeRow(TypedDict, total=False):
    """Effect of a cell of a family in two models, and its change: whole, and what is gained at each block."""

    contrast: Annotated[str, "change, control_change, or difference_in_differences"]
    pairs: Annotated[
        str, "`shared`: pairs that both models of the contrast answer; `own`: all that each was intervened on"
    ]
    kind: Kind
    family: Annotated[str | None, "family of the items; null: mean over the families of the kind"]
    cell: Annotated[str, "enrich, gather, move or work_out"]
    component: Component
    position: Position
    block: Annotated[int | None, "effect gained at this block; null: of the whole cell"]
    before: Annotated[float | None, "in the first model of the contrast, a share of the whole answer"]
    after: Annotated[float | None, "in the second"]
    difference: Annotated[float | None, "after − before"]
    low: Low
    high: High
    p: Annotated[
        float | None,
        "of a change by more than a tenth of the answer: max-T over the cells and blocks of the family, Holm over families; null: not tested",
    ]
    role_before: Annotated[
        str | None,
        "what the cell does in the first model: makes, relays, prepares, in-part or open; null: no locus there",
    ]
    role_after: Annotated[str | None, "the same in the second"]
    n_pairs: Annotated[int | None, "pairs behind the number; of `own` pairs those of the second model"]
    n_clusters: NClusters
    method: Method


class PlaceChangeRow(TypedDict, total=False):
    """Where the answer of a family is made in two models."""

    contrast: Other
    pairs: Annotated[str, "`shared`: pairs that both models answer; `own`: all that each was intervened on"]
    kind: Kind
    family: Family
    cell_before: Annotated[str | None, "cell that makes the answer in the base; null: it isn't placed"]
    first_before: Annotated[int | None, "its first block"]
    last_before: Annotated[int | None, "its last block"]
    cell_after: Annotated[str | None, "the same in the other model"]
    first_after: Annotated[int | None, "its first block"]
    last_after: Annotated[int | None, "its last block"]
    shift: Annotated[float | None, "blocks from the middle of the one place to that of the other"]
    low: Low
    high: High
    overlap: Annotated[
        float | None, "share of draws of entities in which the places have a block in common, or one is nowhere"
    ]
    p: Annotated[float | None, "of an overlap, Holm over families; null: not tested"]
    n_pairs: Annotated[int | None, "pairs behind the row; of `own` pairs those of the other model"]
    n_clusters: NClusters
    answered_both: Annotated[int | None, "aligned items of the family that both models answer"]
    only_before: Annotated[int | None, "that only the base answers"]
    only_after: Annotated[int | None, "that only the other model answers"]
    neither: Annotated[int | None, "that neither answers"]
    unpaired: Annotated[
        str | None, "why the family isn't compared on shared pairs: a code (`NotPaired`); null where it is"
    ]


class LayerSwapRow(TypedDict, total=False):
    """Scores of the target model with blocks of another one."""

    contrast: Annotated[str, "where the blocks come from: distilled, control or random"]
    direction: Direction
    sweep: Annotated[str, "which blocks are taken: nothing, everything, prefix, suffix or single"]
    layer: LayerOrNone
    kind: Kind
    measure: Annotated[str, "what is scored: the logit difference, or the share of right generated answers"]
    value: Annotated[float | None, "mean score over items"]
    low: Low
    high: High
    recovery: Annotated[float | None, "share of the whole change; null where there is no change to share out"]
    recovery_low: Low
    recovery_high: High
    n_items: NItems
    n_clusters: NClusters
    reason: Reason
    method: Method


class CrossedRow(TypedDict, total=False):
    """Share of the difference between two models that one contribution of the other brings over."""

    contrast: Annotated[
        str, "the other model; `random`: the receiver's own contribution moved as far in a random direction"
    ]
    direction: Direction
    component: Component
    position: Position
    kind: Kind
    layer: LayerOrNone
    value: Annotated[float | None, "0: the receiving model as it is, 1: the other one"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    reason: Reason
    method: Method


class WeightRow(TypedDict, total=False):
    """Change of the weights from the base."""

    contrast: Other
    block: Annotated[int | None, "null: outside of the blocks"]
    matrix: Annotated[str, "which matrix of the block"]
    relative_norm: Annotated[float | None, "Frobenius norm of the change ÷ that of the base's matrix"]
    cosine: Annotated[float | None, "between the two matrices"]
    stable_rank: Annotated[
        float | None, "squared Frobenius norm ÷ squared spectral norm of the change; of several tensors the mean"
    ]
    top_share: Annotated[
        float | None, "share of the squared norm in the change's largest singular values; of several tensors the mean"
    ]
    n: Annotated[int, "tensors behind the row"]


class SimilarityRow(TypedDict, total=False):
    """Debiased CKA and mean cosine of a model's streams with the base's at the same tokens of the prompts as asked."""

    contrast: Other
    measure: Annotated[str, "cka or cosine"]
    kind: Kind
    position: Position
    dimensions: Dimensions
    excluded: Excluded
    stream: Annotated[int, "index of the residual stream"]
    value: Annotated[float | None, "1: alike"]
    low: Low
    high: High
    share_base: Annotated[float | None, "what the largest dimension holds in the base"]
    share_other: Annotated[float | None, "what the largest dimension holds in the other model"]
    dominant: Dominant
    n_items: NItems
    n_clusters: NClusters
    n_appended: NAppended
    method: Method


class ContrastRow(TypedDict, total=False):
    """How alike a model's streams are behind two instructions, and the excess."""

    model: Annotated[str, "base, distilled or control"]
    kind: Kind
    contrast: Annotated[str, "which instructions are held against each other"]
    site: Annotated[
        str | None, "stream, or attention: what attention adds, by block; null: the row says why something is absent"
    ]
    dimensions: Dimensions
    excluded: Excluded
    stream: Annotated[
        int | None,
        "index of the residual stream, of attention of the block; null: the row says why something is absent",
    ]
    value: Annotated[float | None, "1: alike; of the excess a difference"]
    low: Low
    high: High
    share: Annotated[float | None, "the most that one dimension holds behind any instruction"]
    dominant: Dominant
    onset: Annotated[
        int | None,
        "of the excess, the same in all rows of a line: first stream (or block) of three in a row whose interval lies above 0; null: none",
    ]
    onset_low: Annotated[int | None, "lower end of its 95 % interval; null: it isn't found often enough for one"]
    onset_high: Annotated[int | None, "upper end; null: it reaches past the last one"]
    n_items: NItems
    n_clusters: NClusters
    method: Method
    reason: Reason


class TransferRow(TypedDict, total=False):
    """Accuracy of answer probes carried from one model to another."""

    contrast: Other
    kind: Kind
    family: FamilyOrAll
    direction: Annotated[str, "forth: from the base to the other model; back: the other way"]
    measure: Annotated[
        str,
        "own: of the receiving model's own probe; direct: of the carried-over one; procrustes: of it, the streams aligned",
    ]
    stream: Annotated[int | None, "index of the residual stream; null: the row says why something is absent"]
    value: Annotated[float | None, "accuracy, as a share"]
    low: Low
    high: High
    majority: Annotated[float | None, "accuracy of always naming the commonest label"]
    n_items: NItems
    n_clusters: NClusters
    n_appended: NAppended
    reason: Reason
    method: Method


CHANGES = Table("changes", ChangeRow)
LIKENESS = Table("likeness", LikenessRow)
CELL_CHANGES = Table("cell_changes", CellChangeRow)
PLACE_CHANGES = Table("place_changes", PlaceChangeRow)
LAYER_SWAPS = Table("layer_swaps", LayerSwapRow)
GENERATED_LAYER_SWAPS = Table("generated_layer_swaps", LayerSwapRow)
CROSSED = Table("crossed", CrossedRow)
WEIGHTS = Table("weights", WeightRow)
SIMILARITY = Table("similarity", SimilarityRow)
CONTRASTS = Table("contrasts", ContrastRow)
TRANSFER = Table("transfer", TransferRow)
COMPARISON_TABLES = (
    CHANGES, LIKENESS, CELL_CHANGES, PLACE_CHANGES, LAYER_SWAPS, GENERATED_LAYER_SWAPS, CROSSED, WEIGHTS, SIMILARITY, CONTRASTS, TRANSFER,
)  # fmt: skip
"""What every finished `compare` holds."""
