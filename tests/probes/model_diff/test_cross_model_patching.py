"""Cross-model patching equals one plain forward pass an edit, and points at the one block that was changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, mixed_pairs, pair_of, plain
from planted_models.pairs import write_planted_pair
from planted_models.planted import Planted
from tiny_models import tiny_checkpoint
from torch import Tensor

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.jsonl import read_items
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore
from strata.probes.interventions.intervention import CrossPatching
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.interventions.noise import unit_vectors
from strata.probes.model_diff import cross_model_patching
from strata.probes.model_diff.cross_model_patching import CONTRIBUTIONS, EVERY, cross_patch
from strata.probes.model_diff.layer_swaps import layer_swaps_of, swap_layers
from strata.probes.model_diff.stored_contributions import store_contributions, stored

LINES = [CrossPatching("other_model", part, where) for part in CONTRIBUTIONS for where in ("last", "subject", EVERY)]
NEAR = {"rtol": 1e-3, "atol": 1e-4}


def collected(
    receiver: Checkpoint, source: Any, pairs: Sequence[Pair], lines: Sequence[CrossPatching] = LINES, **options: Any
) -> tuple[Tensor, Tensor, dict[CrossPatching, Tensor]]:
    ends = torch.full((2, len(pairs)), torch.nan)
    shifts = {line: torch.full((len(pairs), receiver.n_layers), torch.nan) for line in lines}
    for batch in cross_patch(receiver, source, pairs, lines, **options):
        rows = torch.tensor(batch.rows)
        ends[0, rows], ends[1, rows] = batch.source, batch.receiver
        for line, values in batch.shift.items():
            shifts[line][rows] = values
    return *ends, shifts


@pytest.mark.parametrize("architecture", REFERENCED)
@pytest.mark.parametrize("tokens", [None, 10])
def test_every_patch_equals_a_plain_forward_pass_with_the_other_models_vector(
    architecture: str, tokens: int | None
) -> None:
    receiver, source = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    pairs = mixed_pairs()
    above, below, shift = collected(receiver, source, pairs, batch_tokens=tokens)
    into, source = plain(architecture, receiver), plain(architecture, source)
    for row, pair in enumerate(pairs):
        piece = source.contributions(pair.clean)
        before = into.difference(pair, pair.clean.ids)
        assert float(below[row]) == pytest.approx(before, abs=1e-4)
        assert float(above[row]) == pytest.approx(source.difference(pair, pair.clean.ids), abs=1e-4)
        for line in LINES:
            place = pair.clean.positions.get(line.position)
            at = range(len(pair.clean.ids)) if line.position == EVERY else [place]
            if at == [None]:
                assert bool(shift[line][row].isnan().all())
                continue
            for layer in range(receiver.n_layers):
                vectors = piece[line.component, layer]
                edits = {(line.component, layer): {token: vectors[token] for token in at}}
                wanted = torch.tensor(into.difference(pair, pair.clean.ids, edits) - before, dtype=torch.float32)
                torch.testing.assert_close(shift[line][row, layer], wanted, **NEAR)


@pytest.mark.parametrize("tokens", [None, 10])
def test_the_null_moves_the_receivers_own_vector_by_the_distance_of_the_two_in_a_random_direction(
    tokens: int | None,
) -> None:
    receiver, source = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    pairs = mixed_pairs()
    *_, shift = collected(receiver, source, pairs, NULLS, batch_tokens=tokens, seed=5)
    into, source = plain("llama", receiver), plain("llama", source)
    for row, pair in enumerate(pairs):
        own, other = into.contributions(pair.clean), source.contributions(pair.clean)
        before = into.difference(pair, pair.clean.ids)
        for line in NULLS:
            at = range(len(pair.clean.ids)) if line.position == EVERY else [pair.clean.positions[line.position]]
            for layer in range(receiver.n_layers):
                directions = unit_vectors((len(pair.clean.ids), receiver.d_model), 5, pair.key, layer)
                own_part, other_part = own[line.component, layer], other[line.component, layer]
                edits = {
                    (line.component, layer): {
                        token: own_part[token] + (other_part[token] - own_part[token]).norm() * directions[token]
                        for token in at
                    }
                }
                wanted = torch.tensor(into.difference(pair, pair.clean.ids, edits) - before, dtype=torch.float32)
                torch.testing.assert_close(shift[line][row, layer], wanted, **NEAR)


@pytest.mark.parametrize("part", CONTRIBUTIONS)
def test_half_precision_does_not_round_a_small_random_change_away(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, source = (tiny_checkpoint("llama", dtype=torch.bfloat16) for _ in range(2))
    with torch.no_grad():
        # As little as training changes: one rounding step of a few weights.
        for block in source.blocks:
            for weight in block.parameters():
                flat = weight.view(-1)
                flat[::17] = torch.nextafter(flat[::17], torch.full_like(flat[::17], torch.inf))
    edited: list[tuple[torch.Tensor, torch.Tensor]] = []
    true_sweep = cross_model_patching.sweep

    def watched(run: Any, variants: Any, where: Any, **options: Any) -> torch.Tensor:
        for variant in variants:
            layer = variant.blocks.start
            edited.append((variant.values(layer), run.at(variant.component, layer, where)))
        return true_sweep(run, variants, where, **options)

    monkeypatch.setattr(cross_model_patching, "sweep", watched)
    lines = [CrossPatching(measure, part, "last") for measure in ("other_model", "random_step")]
    collected(receiver, source, mixed_pairs(), lines)
    half = len(edited) // 2
    assert half > 2
    for (given, own), (moved, _) in zip(edited[:half], edited[half:], strict=True):
        wanted, random_size = ((value.float() - own.float()).norm(dim=-1) for value in (given, moved))
        torch.testing.assert_close(random_size, wanted, atol=1e-6, rtol=0.1)
        assert not bool((moved == given).all(-1)[wanted > 0].any())


NULLS = [CrossPatching("random_step", part, where) for part in CONTRIBUTIONS for where in ("last", EVERY)]


def test_a_model_patched_with_itself_does_not_move_by_a_bit(tiny_models: Any) -> None:
    model = tiny_models("gemma2")
    above, below, shift = collected(model, model, mixed_pairs(), [*LINES, *NULLS])
    assert torch.equal(above, below)
    assert all(bool((values.nan_to_num(0.0) == 0).all()) for values in shift.values())


def test_a_source_model_on_disk_gives_what_it_gives_in_memory_and_is_stored_once(tmp_path: Path) -> None:
    receiver, source = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    pairs = mixed_pairs()
    whole = ActivationStore(tmp_path / "whole", {"model": "b"})
    store_contributions(source, pairs[:2], whole)
    store_contributions(source, pairs, whole, batch_tokens=10)
    direct, from_disk = collected(receiver, source, pairs), collected(receiver, stored(whole), pairs)
    for direct_end, end_from_disk in zip(direct[:2], from_disk[:2], strict=True):
        torch.testing.assert_close(direct_end, end_from_disk, **NEAR)
    for line in LINES:
        torch.testing.assert_close(direct[2][line], from_disk[2][line], equal_nan=True, **NEAR)
    shards = sorted((tmp_path / "whole").glob("shard-*"))
    store_contributions(source, pairs, whole)
    assert sorted((tmp_path / "whole").glob("shard-*")) == shards


def test_a_store_that_lacks_a_pair_or_a_position_is_refused(tmp_path: Path, tiny_models: Any) -> None:
    model, pairs = tiny_models("llama"), mixed_pairs()
    ends = ActivationStore(tmp_path, {"model": "a", "positions": ["last"]})
    store_contributions(model, pairs[:2], ends, ["last"])
    assert bool((collected(model, stored(ends), pairs[:2], LINES[:1])[2][LINES[0]].abs() < 1e-4).all())
    with pytest.raises(StrataError, match="other tokens"):
        collected(model, stored(ends), pairs[:2], LINES[1:2])
    with pytest.raises(StrataError, match="no contributions of 2 pair"):
        collected(model, stored(ends), pairs, LINES[:1])


def test_what_cannot_be_patched_across_models_is_refused(tiny_models: Any) -> None:
    model, pairs = tiny_models("llama"), mixed_pairs()
    with pytest.raises(StrataError, match="can't be patched across models"):
        collected(model, model, pairs, [CrossPatching("other_model", "resid_pre", "last")])
    with pytest.raises(StrataError, match="3 blocks"):
        collected(model, tiny_checkpoint("llama", num_hidden_layers=2), pairs)
    with pytest.raises(StrataError, match="beyond the 80 tokens"):
        high = pair_of("high", 6, 2, subject=None, seed=1)
        collected(model, model, [Pair(high.key, high.clean, high.foil, 80, 3, "sums")])


class PlantedPair:
    """Base and changed model, and the pairs of prompts of each kind, scored against the changed model's own answer."""

    def __init__(self, planted: tuple[Planted, Planted]) -> None:
        self.planted = planted[0]
        self.base, self.changed = (
            open_checkpoint(str(side.checkpoint), dtype="float32", device="cpu") for side in planted
        )
        kinds = {
            record["id"]: record["kind"] for record in map(json.loads, self.planted.items.read_text().splitlines())
        }
        self.pairs: dict[str, list[Pair]] = {}
        encoded, _ = encode_items(read_items(self.planted.items), self.base, None)
        for encoded_item in encoded:
            assert encoded_item.foil_prompt is not None and encoded_item.foil_id is not None
            pair = Pair(
                encoded_item.key,
                encoded_item.prompt,
                encoded_item.foil_prompt,
                encoded_item.answer_id,
                encoded_item.foil_id,
                encoded_item.item.family,
            )
            self.pairs.setdefault(kinds[encoded_item.key], []).append(pair)


CASES = {"knowledge": ("subject", 3), "reasoning": ("last", 5)}


@pytest.fixture(scope="module", params=list(CASES))
def changed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, PlantedPair]:
    made = write_planted_pair(
        tmp_path_factory.mktemp("pair"), request.param, n_layers=7, retrieval=3, reasoning=5, mover=4, decoy=1
    )
    return request.param, PlantedPair(made)


def test_only_the_changed_kind_of_answer_changes(changed: tuple[str, PlantedPair]) -> None:
    name, world = changed
    for kind in ("knowledge", "reasoning", "control"):
        top = [batch.top for batch in swap_layers(world.base, world.changed, world.pairs[kind], _ENDS)]
        before, after = torch.cat(top).float().mean(0).tolist()
        assert before == 1.0
        assert after <= 0.2 if kind == name else after == 1.0


_ENDS = layer_swaps_of(7, ("nothing", "everything"))


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_swapping_layers_points_at_the_changed_block_and_at_nothing_else(
    changed: tuple[str, PlantedPair], back: bool
) -> None:
    name, world = changed
    block = CASES[name][1]
    base, donor = (world.changed, world.base) if back else (world.base, world.changed)
    layer_swaps = layer_swaps_of(7)
    batches = list(swap_layers(base, donor, world.pairs[name], layer_swaps))
    scores = torch.cat([batch.clean for batch in batches]).mean(0)
    by_name = {(swap.sweep, swap.layer): score for swap, score in zip(layer_swaps, scores, strict=True)}
    nothing, everything = (float(by_name[end, None]) for end in ("nothing", "everything"))
    assert abs(everything - nothing) >= 1.0
    share = (scores - nothing) / (everything - nothing)
    for swap, value in zip(layer_swaps, share.tolist(), strict=True):
        assert value == (1.0 if block in swap.blocks else 0.0), swap
    for kind in {"knowledge", "reasoning", "control"} - {name}:
        for batch in swap_layers(base, donor, world.pairs[kind][:20], layer_swaps):
            torch.testing.assert_close(batch.clean, batch.clean[:, :1].expand_as(batch.clean), rtol=0, atol=0.02)


def brought_over(shift: Tensor, whole: Tensor) -> Tensor:
    """`Σ ± shift / Σ |whole|` by layer over the pairs on which the models differ by a logit or more: at least fifty."""
    differ = whole.abs() >= 1.0
    assert int(differ.sum()) >= 50
    turned = shift[differ] * whole[differ].sign()[:, None]
    sizes = whole[differ].abs()[:, None] * ~turned.isnan()
    return turned.nansum(0) / sizes.sum(0)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_an_mlp_brings_the_change_at_the_changed_block_and_nowhere_else(
    changed: tuple[str, PlantedPair], back: bool
) -> None:
    name, world = changed
    position, block = CASES[name]
    receiver, source = (world.changed, world.base) if back else (world.base, world.changed)
    lines = [CrossPatching("other_model", "mlp_out", where) for where in (position, EVERY)]
    lines += [CrossPatching("other_model", "block_out", position)]
    above, below, shift = collected(receiver, source, world.pairs[name], lines)
    for line in lines:
        effects = brought_over(shift[line], above - below).tolist()
        # Below the changed block both models compute the same: there is nothing to bring over.
        assert effects[:block] == [0.0] * block
        for layer, value in enumerate(effects):
            assert value >= 0.95 if layer == block else abs(value) <= 0.05, (line, effects)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_as_large_a_random_change_brings_little_of_it_over(changed: tuple[str, PlantedPair], back: bool) -> None:
    name, world = changed
    position, block = CASES[name]
    receiver, source = (world.changed, world.base) if back else (world.base, world.changed)
    line = CrossPatching("random_step", "mlp_out", position)
    above, below, shift = collected(receiver, source, world.pairs[name], [line])
    effects = brought_over(shift[line], above - below).tolist()
    assert effects[:block] == [0.0] * block
    assert all(abs(value) <= 0.05 for value in effects[block + 1 :])
    assert abs(effects[block]) <= 0.3 and bool((shift[line][:, block] != 0).any())


def test_attention_above_carries_a_changed_fact_and_adds_nothing_to_a_changed_sum(
    changed: tuple[str, PlantedPair],
) -> None:
    name, world = changed
    line = CrossPatching("other_model", "attn_out", "last")
    above, below, shift = collected(world.base, world.changed, world.pairs[name], [line])
    effects = brought_over(shift[line], above - below)
    expected = {world.planted.mover} if name == "knowledge" else set()
    for layer, value in enumerate(effects.tolist()):
        assert value >= 0.95 if layer in expected else abs(value) <= 0.05, effects
