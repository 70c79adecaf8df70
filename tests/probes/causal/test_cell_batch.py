"""Edits of cells equal one plain forward pass with hooks for each pair and window."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, pair_of, plain
from torch import Tensor

from strata.probes.backends.runs import Runs
from strata.probes.causal.cell_batch import CellBatch
from strata.probes.causal.cells import CELLS, Cell, at_span, component_of
from strata.probes.causal.pairs import Pair
from strata.probes.errors import StrataError

NEAR = {"rtol": 1e-3, "atol": 1e-4}
WINDOWS = ((0, 0), (0, 2), (1, 1), (0, 1), (2, 2), (1, 2), (0, 1))


def pairs() -> list[Pair]:
    """Unequal lengths and distances of the span from the end: two groups are swept apart."""
    return [
        pair_of("a", 9, 4, subject=4, seed=1),
        pair_of("b", 12, 3, subject=3, seed=2),
        pair_of("c", 7, 2, subject=5, seed=3),
        pair_of("d", 9, 5, subject=5, seed=4),
    ]


def place_of(pair: Pair, cell: Cell) -> int:
    return pair.clean.positions["subject" if at_span(cell) else "last"]


def edited(model: PlainModel, pair: Pair, into: tuple[int, ...], cell: Cell, window: tuple[int, int], piece: Tensor):  # type: ignore[no-untyped-def]
    place, (first, last) = place_of(pair, cell), window
    edits = {(component_of(cell), layer): {place: piece[layer]} for layer in range(first, last + 1)}
    with torch.no_grad():
        return model.run(into, edits)[0][-1].double()


def piece_of(model: PlainModel, pair: Pair, ids: tuple[int, ...], cell: Cell, n_layers: int) -> Tensor:
    with torch.no_grad():
        seen = model.run(ids)[1]
    return torch.stack([seen[component_of(cell), layer][place_of(pair, cell)] for layer in range(n_layers)])


@pytest.mark.parametrize("architecture", REFERENCED)
@pytest.mark.parametrize("cell", CELLS)
def test_denoising_noising_and_a_third_donor_equal_plain_forward_passes(
    tiny_models: Any, architecture: str, cell: Cell
) -> None:
    checkpoint, items = tiny_models(architecture), pairs()
    model, batch = plain(architecture, checkpoint), CellBatch(Runs(checkpoint), items, "subject")
    generator = torch.Generator().manual_seed(7)
    donors = torch.randn(len(items), checkpoint.n_layers, checkpoint.d_model, generator=generator)
    unrelated = torch.tensor([[3, 8, 21]] * len(items))
    denoised, noised = batch.denoise(cell, WINDOWS), batch.noise(cell, WINDOWS)
    donated, resampled = batch.donated(cell, WINDOWS, donors), batch.resampled(cell, WINDOWS, donors, unrelated)
    for row, pair in enumerate(items):
        clean = piece_of(model, pair, pair.clean.ids, cell, checkpoint.n_layers)
        foil = piece_of(model, pair, pair.foil.ids, cell, checkpoint.n_layers)
        torch.testing.assert_close(batch.pieces(cell, "clean")[row], clean, **NEAR)
        torch.testing.assert_close(batch.pieces(cell, "foil")[row], foil, **NEAR)
        best, worst = (model.difference(pair, prompt.ids) for prompt in (pair.clean, pair.foil))
        assert float(batch.clean[row]) == pytest.approx(best, rel=1e-3, abs=1e-4)
        assert float(batch.foil[row]) == pytest.approx(worst, rel=1e-3, abs=1e-4)

        def difference(logits: Tensor, pair: Pair = pair) -> float:
            return float(logits[pair.answer_id] - logits[pair.foil_id])

        def margin(logits: Tensor, pair: Pair = pair) -> float:
            return float(logits[pair.answer_id] - logits[[3, 8, 21]].mean())

        with torch.no_grad():
            intact = margin(model.run(pair.clean.ids)[0][-1].double())
        assert float(batch.margin(unrelated)[row]) == pytest.approx(intact, rel=1e-3, abs=1e-4)
        expected: list[list[float]] = [[], [], [], []]
        for window in WINDOWS:
            expected[0].append(difference(edited(model, pair, pair.foil.ids, cell, window, clean)) - worst)
            expected[1].append(best - difference(edited(model, pair, pair.clean.ids, cell, window, foil)))
            expected[2].append(difference(edited(model, pair, pair.foil.ids, cell, window, donors[row])) - worst)
            expected[3].append(intact - margin(edited(model, pair, pair.clean.ids, cell, window, donors[row])))
        for ours, plainly in zip((denoised, noised, donated, resampled), expected, strict=True):
            torch.testing.assert_close(ours[row].double(), torch.tensor(plainly).double(), **NEAR)


def test_edits_do_not_depend_on_how_many_runs_share_a_sweep(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import strata.probes.backends.window_sweep as module

    batch = CellBatch(Runs(tiny_models("llama")), pairs(), "subject")
    together = {cell: batch.denoise(cell, WINDOWS) for cell in CELLS}
    monkeypatch.setitem(module._HELD_TOKENS, "cpu", 40)
    monkeypatch.setitem(module._CHUNK_TOKENS, "cpu", 1)
    for cell in CELLS:
        torch.testing.assert_close(batch.denoise(cell, WINDOWS), together[cell])


def test_a_batch_without_a_span_has_the_cells_at_the_last_position_only(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    batch, named = (CellBatch(Runs(checkpoint), pairs(), span) for span in (None, "subject"))
    for cell in ("move", "work_out"):
        torch.testing.assert_close(batch.denoise(cell, WINDOWS), named.denoise(cell, WINDOWS))
    with pytest.raises(StrataError, match="these pairs name none"):
        batch.denoise("enrich", WINDOWS)


def test_what_does_not_fit_is_refused(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    with pytest.raises(StrataError, match="has no position 'operand'"):
        CellBatch(Runs(checkpoint), pairs(), "operand")
    batch = CellBatch(Runs(checkpoint), pairs(), "subject")
    for window in ((0, 3), (-1, 1), (2, 1)):
        with pytest.raises(StrataError, match="do not exist"):
            batch.denoise("move", [window])
    with pytest.raises(StrataError, match="a contribution for each prompt and block"):
        batch.donated("move", [(0, 1)], torch.zeros(3, 3, 32))
