"""Edits of cells equal one plain forward pass with hooks for each pair and window."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, pair_of, plain
from tiny_models import ARCHITECTURES, tiny_checkpoint, tiny_model
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.interventions.activation_patching import patch_pairs
from strata.probes.interventions.cell_effects import CellBatch
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of
from strata.probes.interventions.intervention import Patching
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.rerun.shared_recordings import Runs

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


def edited(model: PlainModel, pair: Pair, into: tuple[int, ...], cell: Cell, window: tuple[int, int], piece: Tensor):
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


@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
def test_attention_up_to_a_block_brings_the_stream_behind_it(tiny_models: Any, architecture: str) -> None:
    """Where prompts differ before the last token only, the rising curve of `move` is the patching of the last token's stream."""
    checkpoint, items = tiny_models(architecture), pairs()
    batch = CellBatch(Runs(checkpoint), items, "subject")
    rising = [(0, block) for block in range(checkpoint.n_layers - 1)]
    for measure, ours in (("denoise", batch.denoise("move", rising)), ("noise", batch.noise("move", rising))):
        line = Patching(measure, "resid_pre", "last")
        for part in patch_pairs(Runs(checkpoint), items, [line]):
            torch.testing.assert_close(ours[list(part.rows)], part.shift[line][:, 1:], **NEAR)


def test_edits_do_not_depend_on_how_many_runs_share_a_sweep(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import strata.probes.rerun.edit_sweep as module

    batch = CellBatch(Runs(tiny_models("llama")), pairs(), "subject")
    together = {cell: batch.denoise(cell, WINDOWS) for cell in CELLS}
    monkeypatch.setitem(module._HELD_TOKENS, "cpu", 40)
    monkeypatch.setitem(module._CHUNK_TOKENS, "cpu", 1)
    batch = CellBatch(Runs(tiny_models("llama")), pairs(), "subject")
    for cell in CELLS:
        torch.testing.assert_close(batch.denoise(cell, WINDOWS), together[cell])


@pytest.mark.parametrize("most_bytes", [0, 3_000, 1_000_000])
@pytest.mark.parametrize("architecture", ["llama", "gpt_neox"])
def test_windows_asked_one_after_the_other_go_on_from_what_is_held(
    tiny_models: Any, architecture: str, most_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import strata.probes.interventions.cell_effects as module

    monkeypatch.setitem(module._STEM_BYTES, "cpu", most_bytes)
    checkpoint = tiny_models(architecture)
    n = checkpoint.n_layers
    windows = [(first, last) for first in range(n) for last in range(first, n)]
    together = CellBatch(Runs(checkpoint), pairs(), "subject")
    by_turns = CellBatch(Runs(checkpoint), pairs(), "subject")
    asked = list(windows)
    Random(0).shuffle(asked)
    for measure in ("denoise", "noise"):
        for cell in CELLS:
            expected = getattr(together, measure)(cell, windows)
            for turn in (asked[:2], asked[2:3], asked[3:], asked):
                columns = [windows.index(window) for window in turn]
                torch.testing.assert_close(getattr(by_turns, measure)(cell, turn), expected[:, columns], **NEAR)
    assert by_turns.recorded_bytes - together.recorded_bytes <= 2 * most_bytes


def test_a_batch_without_a_span_has_the_cells_at_the_last_position_only(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    batch, named = (CellBatch(Runs(checkpoint), pairs(), span) for span in (None, "subject"))
    for cell in ("move", "work_out"):
        torch.testing.assert_close(batch.denoise(cell, WINDOWS), named.denoise(cell, WINDOWS))
    with pytest.raises(StrataError, match="needs pairs that name one"):
        batch.denoise("enrich", WINDOWS)


def test_what_does_not_fit_is_refused(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    with pytest.raises(StrataError, match="has no position 'operand'"):
        CellBatch(Runs(checkpoint), pairs(), "operand")
    batch = CellBatch(Runs(checkpoint), pairs(), "subject")
    for window in ((0, 3), (-1, 1), (2, 1)):
        with pytest.raises(StrataError, match="do not exist"):
            batch.denoise("move", [window])
    with pytest.raises(StrataError, match="values for each prompt and block"):
        batch.donated("move", [(0, 1)], torch.zeros(3, 3, 32))


_PROJECTIONS = {
    "llama": "self_attn.o_proj",
    "gemma2": "self_attn.o_proj",
    "gpt2": "attn.c_proj",
    "gpt_neox": "attention.dense",
}
SETS = ({1: (2,)}, {0: (0, 3), 2: (1,)}, {2: (0, 1, 2, 3)}, {0: (1,), 1: (0,)})
N_HEADS = 4


def head_run(architecture: str, model: PlainModel, ids: tuple[int, ...], place: int, edits: Any = None) -> Any:
    """(last logits, what entered each output projection at `place`); edits: {block: {head: vector}}."""
    seen: list[Tensor] = []
    handles = []
    for layer, block in enumerate(model.blocks):

        def hook(_module: Any, args: tuple[Tensor, ...], layer: int = layer) -> tuple[Tensor, ...]:
            given = args[0].clone()
            seen.append(given[0, place].unflatten(-1, (N_HEADS, -1)).clone())
            for head, vector in (edits or {}).get(layer, {}).items():
                given[0, place].unflatten(-1, (N_HEADS, -1))[head] = vector
            return (given,)

        handles.append(block.get_submodule(_PROJECTIONS[architecture]).register_forward_pre_hook(hook))
    try:
        with torch.no_grad():
            logits = model.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].double()
    finally:
        for handle in handles:
            handle.remove()
    return logits, torch.stack(seen)


@pytest.mark.parametrize("architecture", REFERENCED)
@pytest.mark.parametrize("where", ["span", "last"])
def test_edits_of_heads_equal_plain_forward_passes(tiny_models: Any, architecture: str, where: Any) -> None:
    checkpoint, items = tiny_models(architecture), pairs()
    model, batch = plain(architecture, checkpoint), CellBatch(Runs(checkpoint), items, "subject")
    shape = (len(items), checkpoint.n_layers, N_HEADS, 8)
    donors = torch.randn(shape, generator=torch.Generator().manual_seed(5))
    denoised, noised = batch.head_denoise(where, SETS), batch.head_noise(where, SETS)
    donated = batch.head_donated(where, SETS, donors)
    for row, pair in enumerate(items):
        place = pair.clean.positions["subject" if where == "span" else "last"]

        def ran(ids: tuple[int, ...], edits: Any = None, pair: Pair = pair, place: int = place) -> tuple[float, Tensor]:
            logits, seen = head_run(architecture, model, ids, place, edits)
            return float(logits[pair.answer_id] - logits[pair.foil_id]), seen

        best, clean = ran(pair.clean.ids)
        worst, foil = ran(pair.foil.ids)
        torch.testing.assert_close(batch.head_outputs(where, "clean")[row], clean, **NEAR)
        for column, heads in enumerate(SETS):
            edits = [
                {layer: {head: part[layer, head] for head in members} for layer, members in heads.items()}
                for part in (clean, foil, donors[row])
            ]
            assert float(denoised[row, column]) == pytest.approx(
                ran(pair.foil.ids, edits[0])[0] - worst, rel=1e-3, abs=1e-4
            )
            assert float(noised[row, column]) == pytest.approx(
                best - ran(pair.clean.ids, edits[1])[0], rel=1e-3, abs=1e-4
            )
            assert float(donated[row, column]) == pytest.approx(
                ran(pair.foil.ids, edits[2])[0] - worst, rel=1e-3, abs=1e-4
            )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_heads_of_a_block_add_up_to_what_its_attention_writes(tiny_models: Any, architecture: str) -> None:
    checkpoint = tiny_models(architecture)
    batch = CellBatch(Runs(checkpoint), pairs(), "subject")
    for where, cell in (("span", "gather"), ("last", "move")):
        for layer in range(checkpoint.n_layers):
            parts = checkpoint.anatomy.blocks[layer]
            bias = getattr(parts.output_projection, "bias", None)
            written = batch.head_pieces(where, "clean", layer).sum(1) + (0 if bias is None else bias.detach())
            torch.testing.assert_close(written, batch.pieces(cell, "clean")[:, layer], **NEAR)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_attention_to_the_span_is_what_eager_attention_reports(tiny_models: Any, architecture: str) -> None:
    checkpoint, items = tiny_models(architecture), pairs()
    batch = CellBatch(Runs(checkpoint), items, "subject")
    model = tiny_model(architecture)
    model.set_attn_implementation("eager")
    for row, pair in enumerate(items):
        with torch.no_grad():
            weights = model(
                input_ids=torch.tensor([pair.clean.ids]), output_attentions=True, use_cache=False
            ).attentions
        expected = torch.stack([part[0, :, -1, pair.clean.positions["subject"]] for part in weights])
        torch.testing.assert_close(batch.attention_to_span()[row], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gpt_neox", "gemma2"])
def test_direct_attributions_add_up_to_the_logit_difference(tiny_models: Any, architecture: str) -> None:
    checkpoint, items = tiny_models(architecture), pairs()
    batch = CellBatch(Runs(checkpoint), items, "subject")
    model, readout = plain(architecture, checkpoint), checkpoint.readout
    direct = batch.logit_attribution("move").sum(1) + batch.logit_attribution("work_out").sum(1)
    for row, pair in enumerate(items):
        with torch.no_grad():
            seen = model.run(pair.clean.ids)[1]
            first = seen["resid_pre", 0][-1]
            end = first + sum(seen["block_out", layer][-1] for layer in range(checkpoint.n_layers))
            normed = readout.norm(end)
            towards = readout.weight[pair.answer_id] - readout.weight[pair.foil_id]
            bias = getattr(readout.norm, "bias", None)
            bias = torch.zeros_like(normed) if bias is None else bias
            own = getattr(readout.norm, "weight", None)
            assert own is not None
            gain = 1 + own if architecture == "gemma2" else own
            centred = end - end.mean() if architecture in ("gpt2", "gpt_neox") else end
            scale = (normed - bias).norm() / (gain * centred).norm()
            start = (first - first.mean() if architecture in ("gpt2", "gpt_neox") else first) * gain * scale @ towards
            total = (normed - bias) @ towards
        assert float(direct[row] + start) == pytest.approx(float(total), rel=1e-3, abs=1e-3)


def masked_difference(model: Any, blocks: Any, pair: Pair, window: tuple[int, int] | None, source: int) -> float:
    """Eager attention spells its additive mask out; the edge source → last gets the lowest number."""

    def hide(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def cut(value: Any) -> Any:
            if not torch.is_tensor(value) or value.ndim != 4:
                return value
            value = value.clone()
            value[:, :, -1, source] = torch.finfo(value.dtype).min
            return value

        return tuple(cut(value) for value in args), {name: cut(value) for name, value in kwargs.items()}

    layers = range(window[0], window[1] + 1) if window else ()
    handles = [blocks[layer].register_forward_pre_hook(hide, with_kwargs=True) for layer in layers]
    ids = torch.tensor([pair.clean.ids])
    try:
        with torch.no_grad():
            end = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
    return float(end[pair.answer_id] - end[pair.foil_id])


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_a_hidden_edge_costs_what_it_costs_in_the_plain_model(tiny_models: Any, architecture: str) -> None:
    items, reference = pairs(), tiny_checkpoint(architecture)
    reference.model.set_attn_implementation("eager")
    windows = [(0, 0), (1, 1), (0, 1), (1, 2), (0, 2)]
    drops = CellBatch(Runs(tiny_models(architecture)), items, "subject").knockout(windows)
    for row, pair in enumerate(items):
        source = pair.clean.positions["subject"]
        intact = masked_difference(reference.model, reference.blocks, pair, None, source)
        left = [masked_difference(reference.model, reference.blocks, pair, window, source) for window in windows]
        assert drops[row].tolist() == pytest.approx([intact - value for value in left], rel=1e-3, abs=2e-4)


def test_sets_of_heads_that_do_not_exist_are_refused(tiny_models: Any) -> None:
    batch = CellBatch(Runs(tiny_models("llama")), pairs(), "subject")
    for sets, words in (([{0: (4,)}], "head does not exist"), ([{}], "is empty"), ([{3: (0,)}], "do not exist")):
        with pytest.raises(StrataError, match=words):
            batch.head_denoise("last", sets)
