"""What stands beside a family's place and doesn't move it: the knocked-out edge, the handover, direct logit attribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from strata.experiments.locate.causal.cell_evidence import Draws
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.results.families import CellResult, Handover
from strata.experiments.results.record import Measured
from strata.experiments.statistics.split_half import rank_correlation
from strata.experiments.statistics.window_effects import WindowEffects, cluster_means, curves_of
from strata.probes.interventions.cells import Cell


def knocked_out(measured: FamilyMeasurements, draws: Draws) -> Measured | None:
    """Share of the logit difference lost when the last token may not look at the span in `move`'s place (2304.14767)."""
    if measured.knockout is None:
        return None
    sums = draws.weights @ cluster_means(np.stack([measured.knockout, measured.clean], axis=1), draws.clusters)
    return draws.measured(sums[:, 0] / sums[:, 1])


def handover_of(effects: Mapping[Cell, WindowEffects]) -> Handover | None:
    """Between the blocks after which the last position's stream holds a tenth, and nine tenths, of the clean run.

    Pairs that differ before the last token only: its stream behind a block is the clean one where all its attention up to that
    block is, so the rising curve of `move` is the patching of that stream.
    """
    if "move" not in effects:
        return None
    values = effects["move"].effects()
    up = curves_of(effects["move"], values).up[0] / values[0, effects["move"].whole]
    first, last = (int(np.argmax(up >= share)) for share in (0.1, 0.9))
    return Handover(first=first, last=last)


def attribution_agreement(measured: FamilyMeasurements, cells: Mapping[Cell, CellResult]) -> dict[Cell, float]:
    """Rank correlation over blocks of what a cell's blocks write towards the answer and the effect gained there.

    A cell whose gains are all alike has no ranks, and none.
    """
    correlations: dict[Cell, float] = {}
    for cell, of_block in measured.attribution.items():
        profile = cells[cell].profile if cell in cells else ()
        if len(profile) > 2:
            # Between two measured points of a curve the gains are equal; rounding errors must not rank them.
            gains = np.round([gain or 0.0 for gain in profile], 6)
            if np.ptp(gains) > 0:
                correlations[cell] = float(rank_correlation(gains[None], of_block.mean(axis=0)[None])[0])
    return correlations
