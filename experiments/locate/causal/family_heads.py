"""Measures the attention heads of a family's `move` and `gather`: alone, together, and the edge from the span to the last token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, HeadAt
from strata.experiments.locate.causal.head_results import chosen_rows
from strata.experiments.results.families import FamilyResult
from strata.experiments.statistics.answer_coding import normalised
from strata.probes.interventions.cell_effects import CellBatch, Where
from strata.probes.interventions.cells import Cell
from strata.probes.rerun.run_edits import HeadSet

_MOST_BLOCKS = 6
"""Blocks of a cell whose heads are measured: those at which most of the effect is gained."""
_MOST_IN_A_SET = 4
_CANDIDATES = 8
Batches = Iterable[tuple[list[int], CellBatch]]


def measure_heads(
    measured: FamilyMeasurements,
    batches: Batches,
    result: FamilyResult,
    donors: tuple[Int[np.ndarray, " pair"], np.ndarray] | None,
) -> None:
    """Adds what the heads of the blocks that carry the loci of `move` and `gather` do, where heads can be told apart.

    `donors`: index of an item with a third answer by pair, and which pairs have one.
    """
    if not next(iter(batches))[1].has_heads:
        return
    n = len(measured.keys)
    cells: tuple[Cell, ...] = ("move", "gather")
    for cell in cells:
        blocks = _blocks(result, cell)
        if not blocks:
            continue
        where: Where = "last" if cell == "move" else "span"
        n_heads = next(iter(batches))[1].head_outputs(where, "clean").shape[2]
        heads: list[HeadAt] = [(block, head) for block in blocks for head in range(n_heads)]
        sets: list[HeadSet] = [{block: (head,)} for block, head in heads]
        shifts = _shifts(batches, n, where, sets)
        if donors is not None:
            shifts["donated"] = _donated(batches, n, where, sets, *donors)
        measured.heads[cell], measured.head_shifts[cell] = heads, shifts
        measured.head_cosines[cell] = _cosines(batches, n, where, blocks)
        if cell == "move" and result.span is not None:
            attention = _gathered(batches, n, lambda batch: batch.attention_to_span())
            measured.head_attention = np.stack([attention[:, block, head] for block, head in heads], axis=1)
        _add_sets(measured, batches, n, cell, where)
    window = _window(result)
    if window is not None and result.span is not None:
        measured.knockout = _gathered(batches, n, lambda batch: batch.knockout([window]))[:, 0]


def _blocks(result: FamilyResult, cell: Cell) -> list[int]:
    carrying = {block for locus in result.loci if locus.cell == cell for block in locus.carrying}
    profile = result.cells[cell].profile if cell in result.cells else ()
    return sorted(sorted(carrying, key=lambda block: -(profile[block] or 0.0))[:_MOST_BLOCKS])


def _window(result: FamilyResult) -> tuple[int, int] | None:
    """The first locus of `move`."""
    loci = [locus for locus in result.loci if locus.cell == "move"]
    return (min(loci[0].carrying), max(loci[0].carrying)) if loci else None


def _add_sets(measured: FamilyMeasurements, batches: Batches, n: int, cell: Cell, where: Where) -> None:
    """Adds heads one by one, each time the one that with those before it moves the pairs of the choice most."""
    heads, shifts = measured.heads[cell], measured.head_shifts[cell]
    choice = chosen_rows(n)
    alone = ((shifts["denoise"] + shifts["noise"]) / 2)[choice].mean(axis=0)
    candidates = [heads[index] for index in np.argsort(-alone, kind="stable")[:_CANDIDATES]]
    chosen: list[HeadAt] = [candidates.pop(0)]
    columns = [{name: shifts[name][:, heads.index(chosen[0])] for name in ("denoise", "noise")}]
    while candidates and len(chosen) < _MOST_IN_A_SET:
        moved = _shifts(batches, n, where, [_as_set([*chosen, head]) for head in candidates])
        best = int(np.argmax(((moved["denoise"] + moved["noise"]) / 2)[choice].mean(axis=0)))
        chosen.append(candidates.pop(best))
        columns.append({name: values[:, best] for name, values in moved.items()})
    measured.head_sets[cell] = chosen
    measured.head_set_shifts[cell] = {
        name: np.stack([column[name] for column in columns], axis=1) for name in ("denoise", "noise")
    }


def _shifts(batches: Batches, n: int, where: Where, sets: Sequence[HeadSet]) -> dict[str, np.ndarray]:
    both = _gathered(
        batches, n, lambda batch: torch.stack([batch.head_denoise(where, sets), batch.head_noise(where, sets)], dim=1)
    )
    return {"denoise": both[:, 0], "noise": both[:, 1]}


def _as_set(heads: Sequence[HeadAt]) -> HeadSet:
    blocks = sorted({block for block, _ in heads})
    return {block: tuple(head for other, head in heads if other == block) for block in blocks}


def _cosines(batches: Batches, n: int, where: Where, blocks: Sequence[int]) -> Float[np.ndarray, "head pair pair"]:
    """Of what every head adds, clean − counterfactual, between all pairs."""
    differences = _gathered(
        batches, n, lambda batch: torch.cat([_head_difference(where, block, batch) for block in blocks], dim=1)
    )
    unit = normalised(differences.transpose(1, 0, 2))
    cosines: np.ndarray = unit @ unit.transpose(0, 2, 1)
    return cosines


def _head_difference(where: Where, block: int, batch: CellBatch) -> Float[Tensor, "pair head d_model"]:
    return batch.head_pieces(where, "clean", block) - batch.head_pieces(where, "foil", block)


def _donated(
    batches: Batches, n: int, where: Where, sets: Sequence[HeadSet], index: np.ndarray, has: np.ndarray
) -> np.ndarray:
    outputs = torch.from_numpy(_gathered(batches, n, lambda batch: batch.head_outputs(where, "clean"))).float()
    out = np.full((n, len(sets)), np.nan)
    for rows, batch in batches:
        out[rows] = batch.head_donated(where, sets, outputs[torch.from_numpy(index[rows])]).numpy()
    out[~has] = np.nan
    return out


def _gathered(batches: Batches, n: int, measure: Callable[[CellBatch], Tensor]) -> np.ndarray:
    out: np.ndarray | None = None
    for rows, batch in batches:
        values = measure(batch).double().cpu().numpy()
        if out is None:
            out = np.full((n, *values.shape[1:]), np.nan)
        out[rows] = values
    assert out is not None
    return out
