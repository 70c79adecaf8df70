"""Did the cells of a family change their effect, and at which blocks? The same pairs in both models, the same draws of entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from strata.experiments.locate.causal.cell_evidence import Draws, drawn_clusters, window_effects
from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.results.record import Measured
from strata.experiments.statistics.max_t import max_t_sign_flip
from strata.experiments.statistics.window_effects import curves_of
from strata.probes.interventions.cells import CELLS, Cell, at_span
from strata.probes.statistics.bootstrap import cluster_codes

LEAST_CHANGE = 0.1
"""Share of the whole answer by which an effect must have changed before a change is claimed: any training moves all of them a little."""
_DRAWS = 2_000
WHOLE = -1
"""Column of the whole cell, before those of its blocks."""
Column = tuple[Cell, int]


@dataclass(frozen=True)
class Gains:
    """Effect gained at every block of a family's cells; their sum is the effect of the whole cell."""

    by_draw: Mapping[Cell, Float[np.ndarray, "draw block"]]
    """Row 0: the pairs as they are."""
    by_cluster: Mapping[Cell, Float[np.ndarray, "cluster block"]]
    """Each cluster's pull; their mean is row 0 of the draws."""


def gains_of(measured: FamilyMeasurements, drawn: Draws) -> Gains:
    """In one model."""
    by_draw, by_cluster = {}, {}
    for cell in CELLS:
        if cell in measured.effects:
            effects = window_effects(measured, cell, drawn.clusters)
            by_draw[cell] = curves_of(effects, effects.effects(drawn.weights)).gained
            by_cluster[cell] = curves_of(effects, effects.of_clusters()).gained
    return Gains(by_draw, by_cluster)


@dataclass(frozen=True)
class EffectChanges:
    """A family's cells in two models, before and after."""

    before: Gains
    after: Gains
    drawn: Draws
    p: Mapping[Column, float]
    """Of a change beyond `LEAST_CHANGE`, max-T over the columns of the family: `(cell, −1)` the whole cell, `(cell, block)` a block."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Those that were measured in both models."""
        return tuple(cell for cell in self.before.by_draw if cell in self.after.by_draw)

    def values(self, cell: Cell, blocks: Sequence[int] | None = None) -> tuple[float, float]:
        """Effects before and after: of the whole cell, or gained at some of its blocks."""
        before, after = (_summed(side.by_draw[cell], blocks) for side in (self.before, self.after))
        return float(before[0]), float(after[0])

    def difference(self, cell: Cell, blocks: Sequence[int] | None = None) -> Measured:
        """The one less the other, with its interval."""
        return self.drawn.measured(
            _summed(self.after.by_draw[cell], blocks) - _summed(self.before.by_draw[cell], blocks)
        )

    def by_block(self, cell: Cell) -> Float[np.ndarray, "draw block"]:
        """Change of what is gained at each block."""
        changed: np.ndarray = self.after.by_draw[cell] - self.before.by_draw[cell]
        return changed

    def column(self, column: Column) -> Measured:
        """Change of one tested column."""
        cell, block = column
        return self.difference(cell, None if block == WHOLE else [block])


def effect_changes(
    pairs: FamilyPairs, before: FamilyMeasurements, after: FamilyMeasurements, *, draws: int, seed: int
) -> EffectChanges:
    """`before` and `after` were measured on the same `pairs`, in this order."""
    drawn = drawn_clusters(cluster_codes(pairs.entities), draws=draws, seed=seed)
    gains = gains_of(before, drawn), gains_of(after, drawn)
    return EffectChanges(*gains, drawn, _tested(*gains, same_last=pairs.same_last, seed=seed))


def _tested(before: Gains, after: Gains, *, same_last: bool, seed: int) -> dict[Column, float]:
    columns: dict[Column, np.ndarray] = {}
    for cell in CELLS:
        if cell not in before.by_cluster or cell not in after.by_cluster:
            continue
        changed = after.by_cluster[cell] - before.by_cluster[cell]
        # All attention at the last token restores the clean run in any model: its whole can't change.
        if cell != "move" or not same_last:
            columns[cell, WHOLE] = changed.sum(axis=1)
        # Block 0 at a replaced token is which token it is.
        for block in range(int(at_span(cell)), changed.shape[1]):
            columns[cell, block] = changed[:, block]
    if not columns:
        return {}
    table = np.stack(list(columns.values()), axis=1)
    if len(table) < 2:
        return dict.fromkeys(columns, 1.0)
    # Both sides of "by no more than LEAST_CHANGE" in one test: the maximum runs over both.
    both = np.concatenate([table - LEAST_CHANGE, -table - LEAST_CHANGE], axis=1)
    p = max_t_sign_flip(both, draws=_DRAWS, seed=seed, alternative="greater").p_by_block
    smaller = np.minimum(p[: len(columns)], p[len(columns) :])
    return {column: float(value) for column, value in zip(columns, smaller, strict=True)}


def _summed(gained: Float[np.ndarray, "draw block"], blocks: Sequence[int] | None) -> Float[np.ndarray, " draw"]:
    summed: np.ndarray = (gained if blocks is None else gained[:, list(blocks)]).sum(axis=1)
    return summed
