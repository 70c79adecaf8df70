"""The batches in which the pairs of a family are run, and what they give in the order of the pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from torch import Tensor

from strata.experiments.locate.causal.family_decision import FamilyPairs
from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.cell_effects import CellBatch, Side
from strata.probes.rerun.shared_recordings import Runs

_HELD_BYTES = {"cpu": 750_000_000, "cuda": 8_000_000_000}
"""Of the recorded prompts of a family, clean and counterfactual: beyond that they are run again at every step of the search."""


class FamilyBatches:
    """The batches of a family; the latest ones stay recorded, so that a search needn't run their prompts again."""

    def __init__(self, checkpoint: Checkpoint, family: FamilyPairs, backend: Backend | None = None) -> None:
        """`backend`: what runs them; None: torch's hooks."""
        self.checkpoint, self.family, self.backend = checkpoint, family, backend
        self.rows: list[list[int]] = []
        self._held: dict[tuple[int, ...], CellBatch] = {}
        self._most = _HELD_BYTES.get(checkpoint.device.type, _HELD_BYTES["cuda"])

    def __iter__(self) -> Iterator[tuple[list[int], CellBatch]]:
        for rows in self.rows:
            yield rows, self._of(rows)

    def added(self, batches: list[list[int]]) -> FamilyBatches:
        """The new batches by themselves; they are also among all from now on."""
        self.rows += batches
        new = FamilyBatches(self.checkpoint, self.family, self.backend)
        new.rows, new._held = batches, self._held
        return new

    def _of(self, rows: list[int]) -> CellBatch:
        key = tuple(rows)
        if key not in self._held:
            while self._held and sum(batch.recorded_bytes for batch in self._held.values()) > self._most:
                # The latest: the others are the first to be asked again.
                self._held.popitem()
            members = [self.family.pairs[row] for row in rows]
            self._held[key] = CellBatch(Runs(self.checkpoint, self.backend), members, self.family.span)
        return self._held[key]


def by_row(
    batches: Iterable[tuple[list[int], CellBatch]], rows: Sequence[int], measure: Callable[[CellBatch], Tensor]
) -> np.ndarray:
    """One array in the order of `rows` from what every batch gives for its own."""
    place = {row: index for index, row in enumerate(rows)}
    out: np.ndarray | None = None
    for members, batch in batches:
        values = measure(batch).double().numpy()
        if out is None:
            out = np.full((len(rows), *values.shape[1:]), np.nan)
        out[[place[row] for row in members]] = values
    assert out is not None
    return out


def both_sides(
    batches: Iterable[tuple[list[int], CellBatch]], rows: Sequence[int], measure: Callable[[Side, CellBatch], Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Of the clean and of the counterfactual runs."""
    return by_row(batches, rows, partial(measure, "clean")), by_row(batches, rows, partial(measure, "foil"))
