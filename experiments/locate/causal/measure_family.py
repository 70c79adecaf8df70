"""Measures one family: pairs are added until its place is narrow, windows where the effect arises, then what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.experiments.locate.causal.cell_evidence import LEAST_EFFECT, drawn_clusters, is_undecided, window_effects
from strata.experiments.locate.causal.family_batches import FamilyBatches, both_sides, by_row
from strata.experiments.locate.causal.family_decision import FamilyAnalysis, FamilyPairs, analyse
from strata.experiments.locate.causal.family_heads import measure_heads
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.locate.causal.third_answers import donors_of
from strata.experiments.locate.causal.window_search import (
    curve_windows,
    finer_curves,
    missing,
    rising_points,
    windows_inside,
)
from strata.experiments.results.families import FamilyResult
from strata.experiments.statistics.answer_coding import normalised
from strata.experiments.statistics.loci import DRAWN_TOGETHER, minimal_windows, without_overlaps
from strata.experiments.statistics.window_effects import Window, WindowEffects
from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.interventions.cell_effects import CellBatch, Side
from strata.probes.interventions.cells import CELLS, Cell, at_span
from strata.probes.interventions.minimal_pairs import batches_of
from strata.probes.prompts.batching import tokens_a_batch
from strata.probes.statistics.bootstrap import cluster_codes

LOOKS = (12, 18, 24, 48)
"""Numbers of pairs after which a family's place is looked at; more are added while it is wide."""
_ROUNDS = 8
"""Steps of a search: bisections of a hundred blocks take seven."""
QUICK_DRAWS = 200
"""Draws of clusters after each look but the last."""
_ENOUGH_WITHOUT_A_ROLE, _ENOUGH_OF_A_WIDE_PLACE = LOOKS[:2]
_SUPPORTED = 0.95
"""Share of draws that have to place a family in the same cell before no more pairs are added."""
_DONORS = 3
"""Other items with third answers whose pieces replace a pair's own, one after the other."""


@dataclass(frozen=True)
class Effort:
    """How much is measured of a family."""

    most_pairs: int = LOOKS[-1]
    beside: bool = True
    """Necessity, heads, knockout: what stands beside the place."""
    all_pairs: bool = False
    """Whether pairs are added even where the place is narrow already."""


def measure_family(
    checkpoint: Checkpoint,
    family: FamilyPairs,
    *,
    effort: Effort,
    seed: int,
    tokens: int | None = None,
    stopping: Event | None = None,
    backend: Backend | None = None,
) -> FamilyMeasurements:
    """Everything that `analyse` needs. `tokens`: recomputed tokens a batch may hold; None: the device's usual number.
    `backend`: what runs the model, where it isn't torch's hooks without heads and knockout.

    Raises StoppedError soon after `stopping` is set.
    """
    tokens = tokens_a_batch(tokens, checkpoint.device, BATCH_TOKENS)
    return _Programme(FamilyBatches(checkpoint, family, backend), effort, seed, tokens, stopping or Event()).run()


class StoppedError(Exception):
    """Another thread has ended the work that this one is a part of."""


def settled(analysis: FamilyAnalysis) -> bool:
    """Whether more pairs would change nothing: the place is narrow, and no cell of a large effect waits for its install test."""
    if any(is_undecided(cell) for cell in analysis.result.cells.values()):
        return False
    n_pairs = len(analysis.family.pairs)
    if not analysis.testable:
        # Its place can't be had, so it can't become narrow.
        return n_pairs >= _ENOUGH_WITHOUT_A_ROLE
    place = analysis.result.place
    if place is None or place.support < _SUPPORTED:
        return False
    width, least = place.interval[1] - place.interval[0] + 1, place.last - place.first + 1
    # More pairs sharpen an interval, but don't make a wide place narrow.
    return width <= DRAWN_TOGETHER or (least > DRAWN_TOGETHER and n_pairs >= _ENOUGH_OF_A_WIDE_PLACE)


class _Programme:
    def __init__(self, batches: FamilyBatches, effort: Effort, seed: int, tokens: int, stopping: Event) -> None:
        self.batches, self.effort, self.seed, self.tokens, self.stopping = batches, effort, seed, tokens, stopping
        self.checkpoint, self.family = checkpoint, family = batches.checkpoint, batches.family
        self.measured = FamilyMeasurements(checkpoint.n_layers)
        self.cells = [
            cell for cell in CELLS
            if not at_span(cell) or (family.span is not None and checkpoint.n_layers > 1)
        ]  # fmt: skip
        self.dropped: dict[Cell, set[Window]] = {}
        self.pieces: dict[Cell, Tensor] = {}
        self.differences: dict[Cell, np.ndarray] = {}
        self.donors: list[list[int]] = []
        """Of each pair: items with third answers."""
        self.third: dict[Cell, Tensor] = {}
        """What the runs of `family.third` add; empty where other pairs bring third answers."""

    def run(self) -> FamilyMeasurements:
        available = min(len(self.family.pairs), self.effort.most_pairs)
        sizes = [size for size in LOOKS if size < available] + [available]
        for size in sizes:
            for cell in self.measured.effects:
                self._drop_hopeless(cell)
            self._add_pairs(size)
            self._search()
            self._install()
            self.measured.looks += 1
            if size == sizes[-1] or (not self.effort.all_pairs and settled(self.analysis(QUICK_DRAWS))):
                break
        self._beside()
        return self.measured

    def first_block(self, cell: Cell) -> int:
        """Block 0 at a replaced token says which token it is, and counts nothing."""
        return 1 if (at_span(cell) or not self.family.same_last) and self.checkpoint.n_layers > 1 else 0

    def _add_pairs(self, size: int) -> None:
        measured, start = self.measured, len(self.measured.keys)
        added = list(range(start, size))
        batches = list(batches_of([self.family.pairs[row] for row in added], self.tokens))
        new = self.batches.added([[added[row] for row in rows] for rows in batches])
        measured.keys += [self.family.pairs[row].key for row in added]
        measured.margin = np.full(size, np.nan)
        measured.clean = np.concatenate([measured.clean, by_row(new, added, lambda batch: batch.clean)])
        measured.foil = np.concatenate([measured.foil, by_row(new, added, lambda batch: batch.foil)])
        for cell in self.cells:
            clean, foil = both_sides(new, added, partial(_pieces, cell))
            self.pieces[cell] = _joined(self.pieces.get(cell), torch.from_numpy(clean).float())
            difference = clean - foil
            known = self.differences.get(cell)
            self.differences[cell] = difference if known is None else np.concatenate([known, difference])
        self._add_third(batches, added)
        measured.inputs = self._input_cosines(size)
        for cell, table in measured.effects.items():
            rows = self._shifts(cell, table.windows, new, added)
            table.add_rows(rows)

    def _add_third(self, batches: Sequence[Sequence[int]], added: Sequence[int]) -> None:
        """Runs the own third answers of the new pairs, in their batches."""
        if not self.family.third:
            return
        family = replace(self.family, pairs=self.family.third, third=())
        runs = FamilyBatches(self.checkpoint, family, self.batches.backend).added(
            [[added[row] for row in rows] for rows in batches]
        )
        for cell in self.cells:
            pieces = torch.from_numpy(by_row(runs, added, partial(_pieces, cell, "clean"))).float()
            self.third[cell] = _joined(self.third.get(cell), pieces)

    def _search(self) -> None:
        for cell in self.cells:
            first, n_layers = self.first_block(cell), self.checkpoint.n_layers
            self._measure(cell, [(first, n_layers - 1)])
            # Below that its lower end is lower still; it is asked again when there are more pairs.
            if self._effects(cell)[first, n_layers - 1] >= LEAST_EFFECT:
                self._measure(cell, curve_windows(first, n_layers))
                self._follow(cell, finer_curves)
                self._follow(cell, windows_inside)
            self._remember_cosines(cell)

    def _follow(self, cell: Cell, step: Callable[[Mapping[Window, float], int, int], list[Window]]) -> None:
        """Measures what `step` asks for, until it asks for nothing new."""
        for _ in range(_ROUNDS):
            effects = self._effects(cell)
            wanted = missing(step(effects, self.first_block(cell), self.checkpoint.n_layers), effects)
            if not self._measure(cell, wanted):
                break

    def _drop_hopeless(self, cell: Cell) -> None:
        """Windows that no draw of clusters would call a locus, and flat parts of the curves, are not measured on more pairs."""
        table, effects = self.measured.effects[cell], self._window_effects(cell)
        drawn = drawn_clusters(effects.clusters, draws=QUICK_DRAWS, seed=self.seed)
        minimal = minimal_windows(effects, effects.effects(drawn.weights)).any(axis=0)
        # Where curves rise, and single blocks, are drawn, so they are measured on all pairs.
        drawn_anyway = rising_points(self._effects(cell), self.first_block(cell), self.checkpoint.n_layers)
        kept_anyway = np.array([start == end or (start, end) in drawn_anyway for start, end in effects.windows])
        keep = np.flatnonzero(minimal | kept_anyway).tolist()
        self.dropped.setdefault(cell, set()).update(set(table.windows) - {table.windows[k] for k in keep})
        self.measured.effects[cell] = WindowShifts(
            [table.windows[k] for k in keep], {name: values[:, keep] for name, values in table.values.items()}
        )

    def _measure(self, cell: Cell, windows: Sequence[Window]) -> list[Window]:
        """Those that were neither measured nor dropped before; returns them."""
        if self.stopping.is_set():
            raise StoppedError
        table = self.measured.effects.setdefault(cell, WindowShifts())
        known = {*table.windows, *self.dropped.get(cell, ())}
        wanted = [window for window in dict.fromkeys(windows) if window not in known]
        if wanted:
            table.add(wanted, self._shifts(cell, wanted, self.batches, list(range(len(self.measured.keys)))))
        return wanted

    def _shifts(
        self, cell: Cell, windows: Sequence[Window], batches: Iterable[tuple[list[int], CellBatch]], rows: Sequence[int]
    ) -> dict[str, Float[np.ndarray, "pair window"]]:
        return {
            "denoise": by_row(batches, rows, lambda batch: batch.denoise(cell, windows)),
            "noise": by_row(batches, rows, lambda batch: batch.noise(cell, windows)),
        }

    def _effects(self, cell: Cell) -> dict[Window, float]:
        table = self.measured.effects[cell]
        values = self._window_effects(cell).effects()[0]
        return {window: float(value) for window, value in zip(table.windows, values, strict=True)}

    def _window_effects(self, cell: Cell) -> WindowEffects:
        return window_effects(self.measured, cell, cluster_codes(self.family.entities[: len(self.measured.keys)]))

    def _install(self) -> None:
        """Denoising with third answers' pieces: the whole cell and its loci, mean over donors."""
        n = len(self.measured.keys)
        has, index, pieces = self._donors_to_install(n)
        if not has.any():
            return
        wanted = {cell: windows for cell in self.measured.effects if (windows := self._tested_windows(cell))}
        donated = {cell: self._donated_before(cell, windows, n) for cell, windows in wanted.items()}
        done = {cell: np.isfinite(values) | ~has[:, None] for cell, values in donated.items()}
        for rows, batch in self.batches:
            for cell, values in donated.items():
                columns = np.flatnonzero(~done[cell][rows].all(axis=0))
                if len(columns):
                    windows = [wanted[cell][column] for column in columns]
                    turns = [
                        batch.donated(cell, windows, pieces[cell][index[rows, turn]]).numpy()
                        for turn in range(index.shape[1])
                    ]
                    values[np.array(rows)[:, None], columns] = np.mean(turns, axis=0)
        for cell, values in donated.items():
            values[~has] = np.nan
            self.measured.installs[cell] = WindowShifts(wanted[cell], {"donated": values})

    def _donors_to_install(
        self, n: int
    ) -> tuple[Bool[np.ndarray, " pair"], Int[Tensor, "pair donor"], Mapping[Cell, Tensor]]:
        """Which pairs have a third answer, at which rows of which pieces."""
        if self.family.third:
            return np.ones(n, dtype=bool), torch.arange(n)[:, None], self.third
        # A pair keeps its donors, so that what was measured at an earlier look stands.
        self.donors += donors_of(self.family.pairs[:n], self.seed, _DONORS)[len(self.donors) :]
        # With fewer donors the same one is taken again.
        index = torch.tensor(
            [
                [(of_pair or [row])[turn % max(1, len(of_pair))] for turn in range(_DONORS)]
                for row, of_pair in enumerate(self.donors)
            ]
        )
        return np.array([bool(of_pair) for of_pair in self.donors]), index, self.pieces

    def _donated_before(self, cell: Cell, windows: Sequence[Window], n: int) -> Float[np.ndarray, "pair window"]:
        """What an earlier look measured of these windows; NaN elsewhere."""
        out = np.full((n, len(windows)), np.nan)
        known = self.measured.installs.get(cell)
        if known is not None:
            before = known.values["donated"]
            for column, window in enumerate(windows):
                if window in known.windows:
                    out[: len(before), column] = before[:, known.windows.index(window)]
        return out

    def _tested_windows(self, cell: Cell) -> list[Window]:
        """The whole cell and its smallest windows, no two of which overlap; none where the whole is too small to have any."""
        table = self.measured.effects[cell]
        if len(table.windows) == 1 and self.checkpoint.n_layers > 2:
            return []
        effects = self._window_effects(cell)
        whole = effects.windows[effects.whole]
        if len(table.windows) == 1:
            return [whole]
        values = effects.effects()
        minimal = np.flatnonzero(minimal_windows(effects, values)[0]).tolist()
        apart = without_overlaps(effects.windows, minimal, values[0], np.zeros(len(effects.windows), dtype=bool))
        return list(dict.fromkeys([whole, *(effects.windows[k] for k in apart)]))

    def analysis(self, draws: int) -> FamilyAnalysis:
        return analyse(self.family, self.measured, draws=draws, seed=self.seed)

    def _remember_cosines(self, cell: Cell) -> None:
        """Of what every measured window adds, clean − counterfactual, between all pairs."""
        difference = self.differences[cell]
        sums = np.concatenate([np.zeros_like(difference[:, :1]), difference.cumsum(axis=1, dtype=np.float64)], axis=1)
        cosines = []
        for first, last in self.measured.effects[cell].windows:
            unit = normalised(sums[:, last + 1] - sums[:, first])
            cosines.append(unit @ unit.T)
        self.measured.cosines[cell] = np.stack(cosines)

    def _input_cosines(self, size: int) -> Float[np.ndarray, "pair pair"]:
        table = self.checkpoint.model.get_input_embeddings().weight
        rows = []
        for pair in self.family.pairs[:size]:
            differing = [
                place for place, (a, b) in enumerate(zip(pair.clean.ids, pair.foil.ids, strict=True)) if a != b
            ]
            clean, foil = (
                table[torch.tensor([ids[place] for place in differing], device=table.device)].float().sum(0).cpu()
                for ids in (pair.clean.ids, pair.foil.ids)
            )
            rows.append((clean - foil).detach().numpy())
        unit = normalised(np.stack(rows).astype(np.float64))
        cosines: np.ndarray = unit @ unit.T
        return cosines

    def _beside(self) -> None:
        """Direct attribution, necessity, heads and knockout: they stand beside the place and don't move it."""
        for cell in self.measured.effects:
            if not at_span(cell) and self.checkpoint.is_attributable:
                rows = list(range(len(self.measured.keys)))
                clean, foil = both_sides(self.batches, rows, partial(_attribution, cell))
                self.measured.attribution[cell], self.measured.read_out[cell] = clean, clean - foil
        if not self.effort.beside:
            return
        result = self.analysis(QUICK_DRAWS).result
        self._necessity(result)
        # Heads are held against other items' third answers only: an own one's heads aren't recorded.
        third = [] if self.family.third else donors_of(self.family.pairs[: len(self.measured.keys)], self.seed, 1)
        has = np.array([bool(of_pair) for of_pair in third])
        index = np.array([of_pair[0] if of_pair else row for row, of_pair in enumerate(third)])
        measure_heads(self.measured, self.batches, result, (index, has) if has.any() else None)

    def _necessity(self, result: FamilyResult) -> None:
        """Margin lost to other items' pieces, in the whole cells and in their loci."""
        n = len(self.measured.keys)
        has, index, pieces, unrelated = self._donors_to_remove(n)
        if not has.any():
            return
        for rows, batch in self.batches:
            self.measured.margin[rows] = batch.margin(unrelated[rows]).numpy()
        self.measured.margin[~has] = np.nan
        windows: dict[Cell, list[Window]] = {}
        for cell, of_cell in result.cells.items():
            if of_cell.counts:
                effects = self._window_effects(cell)
                loci = [(locus.first, locus.last) for locus in result.loci if locus.cell == cell]
                windows[cell] = list(dict.fromkeys([effects.windows[effects.whole], *loci]))
        lost = {cell: np.full((n, len(asked)), np.nan) for cell, asked in windows.items()}
        for rows, batch in self.batches:
            for cell, asked in windows.items():
                drawn = [
                    batch.resampled(cell, asked, pieces[cell][index[rows, draw]], unrelated[rows]).numpy()
                    for draw in range(index.shape[1])
                ]
                lost[cell][rows] = np.mean(drawn, axis=0)
        for cell, asked in windows.items():
            lost[cell][~has] = np.nan
            self.measured.necessity[cell] = WindowShifts(asked, {"lost": lost[cell]})

    def _donors_to_remove(
        self, n: int
    ) -> tuple[Bool[np.ndarray, " pair"], Int[Tensor, "pair donor"], Mapping[Cell, Tensor], Int[Tensor, "pair donor"]]:
        """Which pairs have third answers enough, at which rows of which pieces, and their scored tokens."""
        if self.family.third:
            own = torch.tensor([[pair.answer_id] for pair in self.family.third[:n]])
            return np.ones(n, dtype=bool), torch.arange(n)[:, None], self.third, own
        donors = donors_of(self.family.pairs[:n], self.seed, _DONORS)
        has = np.array([len(of_pair) == _DONORS for of_pair in donors])
        index = torch.tensor(
            [of_pair if len(of_pair) == _DONORS else [row] * _DONORS for row, of_pair in enumerate(donors)]
        )
        unrelated = torch.tensor([[self.family.pairs[i].answer_id for i in of_pair] for of_pair in index.tolist()])
        return has, index, self.pieces, unrelated


def _pieces(cell: Cell, side: Side, batch: CellBatch) -> Tensor:
    return batch.pieces(cell, side)


def _attribution(cell: Cell, side: Side, batch: CellBatch) -> Tensor:
    return batch.logit_attribution(cell, side)


def _joined(known: Tensor | None, added: Tensor) -> Tensor:
    return added if known is None else torch.cat([known, added])
