"""Which locus makes the answer, how sure is that, and what do the other loci do?

Loci of all counted cells stand in the order in which the model passes them: by the last block that carries them, attention
before the MLP. The first whose contribution codes the answer makes it; what comes before prepares, what comes after relays.
The whole choice (which cells count, effects, loci, coding, order) is made again in every draw of clusters; install tests and p
are those of the pairs as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.experiments.statistics.answer_coding import coding
from strata.experiments.statistics.loci import block_shares, carrying_blocks, minimal_windows, without_overlaps
from strata.experiments.statistics.window_effects import WindowEffects, curves_of
from strata.probes.interventions.cells import CELLS, Cell, component_of


@dataclass(frozen=True)
class CellEvidence:
    """What is known of a cell that counts in some draws; draw 0 is the pairs as they are."""

    cell: Cell
    effects: WindowEffects
    values: Float[np.ndarray, "draw window"]
    """Effects of the windows."""
    slopes: Float[np.ndarray, "draw window"] | None
    """How much each window's contribution differs as the answers do; None: can't be tested."""
    p: Float[np.ndarray, " window"] | None
    """Of the slopes of draw 0."""
    counts: Bool[np.ndarray, " draw"] | None = None
    """In which draws the cell counts; None: in all."""

    def counts_in(self, draw: int) -> bool:
        return self.counts is None or bool(self.counts[draw])

    def codes(self, threshold: float) -> Bool[np.ndarray, "draw window"]:
        if self.slopes is None or self.p is None:
            return np.zeros(self.values.shape, dtype=bool)
        return coding(np.nan_to_num(self.slopes), self.p, threshold)


@dataclass(frozen=True)
class CellLoci:
    """Loci of a cell at one threshold, draw by draw."""

    evidence: CellEvidence
    codes: Bool[np.ndarray, "draw window"]
    minimal: Bool[np.ndarray, "draw window"]
    shares: Float[np.ndarray, "draw block"]

    def of_draw(self, draw: int) -> list[int]:
        """Indices of the windows that are loci."""
        candidates = np.flatnonzero(self.minimal[draw]).tolist()
        return without_overlaps(self.evidence.effects.windows, candidates, self.evidence.values[draw], self.codes[draw])

    def carrying(self, draw: int, window: int) -> tuple[int, ...]:
        effect = float(self.evidence.values[draw, window])
        return carrying_blocks(self.evidence.effects.windows[window], effect, self.shares[draw])


@dataclass(frozen=True)
class ChosenLocus:
    cell: Cell
    window: int
    """Index into the cell's windows."""
    carrying: tuple[int, ...]

    @property
    def turn(self) -> tuple[int, bool]:
        """When the model has passed it."""
        return max(self.carrying), component_of(self.cell) != "attn_out"


@dataclass(frozen=True)
class PlaceDraws:
    """Where the answer is made, in every draw; draw 0 is the pairs as they are."""

    cell: Int[np.ndarray, " draw"]
    """Index into `CELLS`; −1: nowhere."""
    first: Int[np.ndarray, " draw"]
    last: Int[np.ndarray, " draw"]

    def of_cell(self, cell: Cell) -> Bool[np.ndarray, " draw"]:
        return self.cell == CELLS.index(cell)


def cell_loci(evidence: Sequence[CellEvidence], threshold: float) -> list[CellLoci]:
    """The loci of every cell when windows code the answer from `threshold` on."""
    loci = []
    for cell in evidence:
        shares = block_shares(cell.effects, cell.values, curves_of(cell.effects, cell.values))
        loci.append(CellLoci(cell, cell.codes(threshold), minimal_windows(cell.effects, cell.values), shares))
    return loci


def loci_in_turn(loci: Sequence[CellLoci], draw: int) -> list[tuple[ChosenLocus, bool]]:
    """All loci of a draw in processing order, each with whether it codes the answer."""
    chosen = [
        (ChosenLocus(of_cell.evidence.cell, window, of_cell.carrying(draw, window)), bool(of_cell.codes[draw, window]))
        for of_cell in loci
        if of_cell.evidence.counts_in(draw)
        for window in of_cell.of_draw(draw)
    ]
    return sorted(chosen, key=lambda entry: entry[0].turn)


def making_locus(loci: Sequence[CellLoci], draw: int) -> ChosenLocus | None:
    """The first locus that codes the answer."""
    return next((locus for locus, codes in loci_in_turn(loci, draw) if codes), None)


def place_draws(evidence: Sequence[CellEvidence], threshold: float) -> PlaceDraws:
    """The place of every draw; nowhere where no locus codes the answer."""
    n_draws = len(evidence[0].values) if evidence else 0
    loci = cell_loci(evidence, threshold)
    places = np.full((n_draws, 3), -1)
    for draw in range(n_draws):
        locus = making_locus(loci, draw)
        if locus is not None:
            places[draw] = CELLS.index(locus.cell), min(locus.carrying), max(locus.carrying)
    return PlaceDraws(*places.T)


def interval_of(
    draws: PlaceDraws, cell: Cell, first: int, last: int, *, level: float, stretch: float
) -> tuple[int, int]:
    """Interval of the first and of the last block over the draws in which this cell makes the answer.

    `stretch`: by how much a bootstrap of few clusters is too narrow.
    """
    there = draws.of_cell(cell)
    tail = (1 - level) / 2
    low = np.quantile(draws.first[there], tail, method="lower")
    high = np.quantile(draws.last[there], 1 - tail, method="higher")
    low, high = first - stretch * max(first - low, 0), last + stretch * max(high - last, 0)
    return round(float(low)), round(float(high))
