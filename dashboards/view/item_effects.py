"""What does every item gain at every block? The profiles of activation patching, pair by pair, in steps that fit into a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from strata.dashboards.sentences.page_parts import NO_ITEM_EFFECTS, item_effects_rule
from strata.dashboards.sentences.places import cell_label
from strata.dashboards.view.schema_effects import CellEffects, ItemEffects
from strata.experiments.locate.causal.causal_tables import GAINED
from strata.experiments.run.summary_version_1 import spellings
from strata.probes.errors import StrataError
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of

STEP = 0.01
"""Of a gain, as a share of the answer."""
MOST = 500_000
"""Numbers that a page keeps of one model."""


def item_effects(run_dir: Path, items: Sequence[str], n_layers: int) -> ItemEffects:
    """Of the items in the order of a page's table; none where no item was in a pair.

    Raises StrataError where profiles.parquet is damaged.
    """
    file = run_dir / "profiles.parquet"
    table = _gains(file) if file.exists() else None
    if table is None or not table.num_rows or not items:
        return ItemEffects(state="not_run", text=NO_ITEM_EFFECTS, step=STEP, cells=())
    row = pc.fill_null(pc.index_in(table["item"], pa.array(items, pa.string())), -1).to_numpy()
    block, value = table["layer"].to_numpy(), table["value"].to_numpy()
    component, last = table["component"], pc.equal(table["position"], "last")
    known = (row >= 0) & (block >= 0) & (block < n_layers) & np.isfinite(value)
    grids: dict[Cell, Float[np.ndarray, "item layer"]] = {}
    for cell in CELLS:
        at = pc.invert(last) if at_span(cell) else last
        here = known & pc.fill_null(pc.and_(pc.equal(component, component_of(cell)), at), False).to_numpy()
        if here.any():
            grid = np.full((len(items), n_layers), np.nan)
            grid[row[here], block[here]] = value[here]
            grids[cell] = grid
    if not grids:
        return ItemEffects(state="not_run", text=NO_ITEM_EFFECTS, step=STEP, cells=())
    paired = np.flatnonzero(np.logical_or.reduce([np.isfinite(grid).any(axis=1) for grid in grids.values()]))
    room = max(1, MOST // (len(grids) * n_layers))
    kept = (
        paired if len(paired) <= room else paired[np.unique(np.linspace(0, len(paired) - 1, room).round().astype(int))]
    )
    cells = tuple(
        CellEffects(cell=cell, label=cell_label(cell), counts_from=int(at_span(cell)), gained=_rows(grid, kept))
        for cell, grid in grids.items()
    )
    return ItemEffects(state="ok", text=item_effects_rule(len(kept), len(paired)), step=STEP, cells=cells)


def _gains(file: Path) -> pa.Table:
    where = [("instrument", "in", spellings("patching")), ("measure", "=", GAINED)]
    try:
        return pq.read_table(file, columns=["item", "component", "position", "layer", "value"], filters=where)
    except Exception as error:  # Arrow's own, and bare ones of every kind for a damaged file
        raise StrataError(
            f"{file} cannot be read ({str(error)[:200]})", "Delete it and start the same command again"
        ) from error


def _rows(grid: Float[np.ndarray, "item layer"], kept: Int[np.ndarray, " kept"]) -> tuple[tuple[int, ...] | None, ...]:
    steps = np.nan_to_num(np.rint(grid / STEP)).astype(int)
    chosen = set(kept.tolist())
    measured = np.isfinite(grid).any(axis=1)
    return tuple(tuple(steps[row].tolist()) if row in chosen and measured[row] else None for row in range(len(grid)))
