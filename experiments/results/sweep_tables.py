"""The table of a `sweep`: what each row and column says. Whoever writes or reads it looks here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from strata.experiments.results.column_types import High, Low, Method, NClusters, NItems
from strata.experiments.results.table import Table
from strata.probes.interventions.cells import Cell

Measure = Literal["accuracy", "onset.probe", "onset.lens", "place", "effect"]
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True)
class TrajectoryRow:
    """One row a run, measure and what it is measured of: a family, or all used items of a kind."""

    run: Annotated[str, "directory of the run, below the sweep's"]
    checkpoint: Annotated[str, "as the person wrote it"]
    at: Annotated[float | None, "where the checkpoint stands on the sweep's axis; null: nothing is known of it"]
    seed: Annotated[int, "of the run"]
    framing: Annotated[str, "what stands before every prompt: raw, chat, empty-think"]
    items: Annotated[str | None, "item file; null: the built-in families"]
    kind: Annotated[str, "kind of the items: knowledge, reasoning, composite or control"]
    family: Annotated[str | None, "null: the whole kind"]
    measure: Annotated[
        Measure,
        "accuracy: share answered right; onset.probe, onset.lens: depth of the stream from which on the answer can be decoded or read; "
        "place: depth of the middle block where the answer is made; effect: of a whole cell, as a share of the answer's margin",
    ]
    cell: Annotated[Cell | None, "enrich, gather, move or work_out: of a place and of an effect; null: neither"]
    value: Annotated[float | None, "null: nowhere, or not measured"]
    low: Low
    high: High
    n_items: NItems
    n_clusters: NClusters
    method: Method


TRAJECTORIES = Table("trajectories", TrajectoryRow)
SWEEP_TABLES = (TRAJECTORIES,)
"""What every `sweep` holds."""
