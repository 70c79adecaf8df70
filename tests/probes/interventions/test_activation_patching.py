"""Activation patching and its controls give what one plain forward pass a pair, block and component gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, mixed_pairs, pair_of, plain
from tiny_models import tiny_checkpoint
from torch import Tensor

import strata.probes.interventions.activation_patching as module
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.activation_patching import CONTROLS, PatchedBatch, patch_pairs
from strata.probes.interventions.intervention import Patching
from strata.probes.interventions.minimal_pairs import ALL, Pair
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.rerun.why_whole import why_whole

COMPONENTS = ("block_out", "attn_out", "mlp_out", "resid_pre")
NEAR = {"rtol": 1e-3, "atol": 1e-4}
DETERMINISTIC = ("random_donor", "wrong_position")


def collected(
    checkpoint: Checkpoint, pairs: Sequence[Pair], lines: Sequence[Patching], **options: Any
) -> tuple[dict[Patching, Tensor], Tensor, Tensor]:
    """All batches in the order of the pairs; a line no batch had is NaN."""
    shifts: dict[Patching, Tensor] = {}
    ends = torch.full((2, len(pairs)), torch.nan)
    for batch in patch_pairs(Runs(checkpoint), pairs, lines, **options):
        rows = torch.tensor(batch.rows)
        ends[0, rows], ends[1, rows] = batch.clean, batch.foil
        for line, values in batch.shift.items():
            shifts.setdefault(line, torch.full((len(pairs), values.shape[1]), torch.nan))[rows] = values
    return shifts, *ends


def tokens_of(pair: Pair, position: str) -> list[int]:
    """The tokens of a position group at which an edit can matter."""
    if position == ALL:
        return list(range(pair.first_difference, len(pair.clean.ids)))
    place = pair.clean.positions.get(position, -1)
    return [place] if place >= pair.first_difference else []


def plain_shift(model: PlainModel, pair: Pair, line: Patching, n_layers: int, donor: dict[Any, Tensor] | None = None,
                taken: list[int] | None = None) -> list[float]:  # fmt: skip
    """One whole forward pass a block: how far the edit moves the logit difference towards the donor's run."""
    tokens = tokens_of(pair, line.position)
    noising = line.measure == "noise"
    into, other, sign = (pair.clean, pair.foil, -1) if noising else (pair.foil, pair.clean, 1)
    piece = model.contributions(other) if donor is None else donor
    before, shifts = model.difference(pair, into.ids), []
    for start in range(n_layers - line.window + 1):
        edits = {
            (line.component, layer): {
                t: piece[line.component, layer][s] for t, s in zip(tokens, taken or tokens, strict=True)
            }
            for layer in range(start, start + line.window)
        }
        shifts.append(sign * (model.difference(pair, into.ids, edits) - before))
    return shifts if tokens else [float("nan")] * len(shifts)


def lines_of(*measures: Any, windows: tuple[int, ...] = (1, 2)) -> list[Patching]:
    return [
        Patching(measure, component, position, window)
        for measure in measures
        for component in COMPONENTS
        for position in ("last", "subject", "early", ALL)
        for window in windows
        if window == 1 or component != "resid_pre"
    ]


@pytest.mark.parametrize("architecture", REFERENCED)
def test_denoising_and_noising_equal_a_plain_forward_pass_for_each_pair_and_block(
    tiny_models: Any, architecture: str
) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    model, lines = plain(architecture, checkpoint), lines_of("denoise", "noise")
    shifts, clean, foil = collected(checkpoint, pairs, lines)
    assert set(shifts) == set(lines)
    for row, pair in enumerate(pairs):
        assert float(clean[row]) == pytest.approx(model.difference(pair, pair.clean.ids), rel=1e-3, abs=1e-4)
        assert float(foil[row]) == pytest.approx(model.difference(pair, pair.foil.ids), rel=1e-3, abs=1e-4)
        for line in lines:
            expected = torch.tensor(plain_shift(model, pair, line, checkpoint.n_layers))
            torch.testing.assert_close(shifts[line][row], expected, equal_nan=True, **NEAR)


@pytest.mark.parametrize("architecture", REFERENCED)
def test_the_wrong_position_is_the_same_donors_next_named_one(tiny_models: Any, architecture: str) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    model = plain(architecture, checkpoint)
    lines = [Patching("wrong_position", name, where) for name in COMPONENTS[:3] for where in ("last", "subject")]
    shifts, *_ = collected(checkpoint, pairs, lines)
    other = {
        ("a", "last"): 4, ("a", "subject"): 8, ("b", "last"): 6, ("b", "subject"): 11, ("d", "last"): 5,
        ("d", "subject"): 5,
    }  # fmt: skip
    for row, pair in enumerate(pairs):
        for line in lines:
            taken = other.get((pair.key, line.position))
            if taken is None:  # pair c has one named position and so no other to take from
                assert shifts[line][row].isnan().all()
                continue
            donor = model.contributions(pair.clean)
            expected = plain_shift(model, pair, line, checkpoint.n_layers, donor, [taken])
            torch.testing.assert_close(shifts[line][row], torch.tensor(expected), **NEAR)


@pytest.mark.parametrize("architecture", REFERENCED)
def test_a_random_donor_is_another_pair_of_the_group_with_another_answer(tiny_models: Any, architecture: str) -> None:
    """Of two pairs each is the other's donor, whatever their lengths; a third of another group never is."""
    checkpoint = tiny_models(architecture)
    pairs = [pair_of("a", 9, 4, subject=5, seed=1), pair_of("b", 12, 6, subject=9, seed=2)]
    alone = pair_of("z", 9, 4, subject=5, seed=5, group="capitals")
    model = plain(architecture, checkpoint)
    lines = [
        Patching("random_donor", name, where, w)
        for name in COMPONENTS[:3]
        for where in ("last", "subject")
        for w in (1, 2)
    ]
    shifts, *_ = collected(checkpoint, [*pairs, alone], lines)
    for line in lines:
        assert shifts[line][2].isnan().all()
        for row, (pair, donor) in enumerate((pairs, pairs[::-1])):
            there = donor.clean.positions[line.position]
            expected = plain_shift(model, pair, line, checkpoint.n_layers, model.contributions(donor.clean), [there])
            torch.testing.assert_close(shifts[line][row], torch.tensor(expected), **NEAR)


def test_a_donor_has_the_position_that_is_patched(tiny_models: Any) -> None:
    """The nearest other answer belongs to a pair without a subject: the one behind it is the donor."""
    checkpoint = tiny_models("llama")
    pairs = [
        pair_of(key, 9, 4, subject=where, seed=seed) for key, where, seed in (("a", 5, 1), ("b", None, 2), ("c", 6, 3))
    ]
    line = Patching("random_donor", "mlp_out", "subject")
    shifts, *_ = collected(checkpoint, pairs, [line])
    model = plain("llama", checkpoint)
    expected = plain_shift(model, pairs[0], line, checkpoint.n_layers, model.contributions(pairs[2].clean), [6])
    torch.testing.assert_close(shifts[line][0], torch.tensor(expected), **NEAR)
    assert shifts[line][1].isnan().all()


def test_pairs_that_share_the_answer_or_the_foil_are_no_donors(tiny_models: Any) -> None:
    pair = pair_of("a", 9, 4, subject=5, seed=1)
    same = Pair("b", pair.foil, pair.clean, pair.foil_id, pair.answer_id, pair.group)
    line = Patching("random_donor", "mlp_out", "last")
    assert line not in collected(tiny_models("llama"), [pair, same], [line])[0]


@pytest.mark.parametrize("architecture", REFERENCED)
def test_norm_matched_noise_lies_as_far_off_as_the_donor_and_is_patched_as_such(
    tiny_models: Any, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    model = plain(architecture, checkpoint)
    lines = [Patching("norm_matched_noise", name, "last", window) for name in COMPONENTS[:3] for window in (1, 2)]
    given: list[Any] = []
    sweep = module.sweep

    def spying(run: Any, variants: Any, where: Any, **options: Any) -> Tensor:
        given.extend(variants)
        return sweep(run, variants, where, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, "sweep", spying)
        shifts, *_ = collected(checkpoint, pairs, lines)
    starts = {line: iter(range(checkpoint.n_layers)) for line in lines}
    order = [line for line in lines for _ in range(checkpoint.n_layers - line.window + 1)]
    rows = patching_rows(checkpoint, pairs)
    for line, variant in zip(order, given, strict=True):
        start = next(starts[line])
        assert variant.blocks == range(start, start + line.window)
        values = {layer: variant.values(layer)[:, 0] for layer in variant.blocks}
        for place, row in enumerate(rows):
            pair, end = pairs[row], len(pairs[row].clean.ids) - 1
            own, other = model.contributions(pair.foil), model.contributions(pair.clean)
            edits = {}
            for layer in variant.blocks:
                own_value, other_value = own[line.component, layer][end], other[line.component, layer][end]
                moved = values[layer][place] - own_value
                torch.testing.assert_close(moved.norm(), (other_value - own_value).norm(), rtol=1e-3, atol=1e-4)
                assert abs(torch.cosine_similarity(moved, other_value - own_value, dim=0)) < 0.7
                edits[line.component, layer] = {end: values[layer][place]}
            expected = model.difference(pair, pair.foil.ids, edits) - model.difference(pair, pair.foil.ids)
            assert float(shifts[line][row, start]) == pytest.approx(expected, rel=1e-3, abs=1e-4)


def patching_rows(checkpoint: Checkpoint, pairs: Sequence[Pair]) -> Sequence[int]:
    """The order of the pairs in their one batch."""
    (batch,) = patch_pairs(Runs(checkpoint), pairs, [Patching("denoise", "block_out", "last")])
    return batch.rows


ALL_LINES = [
    *lines_of("denoise", "noise"),
    *(
        Patching(measure, name, where)
        for measure in CONTROLS
        for name in COMPONENTS[:3]
        for where in ("last", "subject")
    ),
]


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2"])
def test_effects_do_not_depend_on_the_batch_its_order_or_its_size(tiny_models: Any, architecture: str) -> None:
    """Random donors excepted: a pair borrows from the next pair of its own batch, so they follow its members."""
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    lines = [line for line in ALL_LINES if line.measure != "random_donor"]
    together, *_ = collected(checkpoint, pairs, lines)
    in_ones, *_ = collected(checkpoint, pairs, lines, batch_tokens=1)
    backwards, *_ = collected(checkpoint, pairs[::-1], lines)
    with_others, *_ = collected(checkpoint, [*pairs, pair_of("long", 17, 1, subject=9, seed=8)], lines)
    for line in lines:
        expected = together[line]
        torch.testing.assert_close(in_ones[line], expected, equal_nan=True, **NEAR)
        torch.testing.assert_close(backwards[line].flip(0), expected, equal_nan=True, **NEAR)
        torch.testing.assert_close(with_others[line][:-1], expected, equal_nan=True, **NEAR)


def test_a_batch_of_one_has_no_random_donor(tiny_models: Any) -> None:
    line = Patching("random_donor", "mlp_out", "last")
    together, *_ = collected(tiny_models("llama"), mixed_pairs(), [line])
    assert together[line].isfinite().all()
    assert not collected(tiny_models("llama"), mixed_pairs(), [line], batch_tokens=1)[0]


@pytest.mark.parametrize("architecture", REFERENCED)
def test_denoising_every_position_of_a_stream_is_the_clean_run(tiny_models: Any, architecture: str) -> None:
    line = Patching("denoise", "resid_pre", ALL)
    shifts, clean, foil = collected(tiny_models(architecture), mixed_pairs(), [line])
    expected = (clean - foil)[:, None].expand_as(shifts[line])
    torch.testing.assert_close(shifts[line], expected, **NEAR)


def test_a_swapped_pair_swaps_denoising_and_noising(tiny_models: Any) -> None:
    """Putting the clean piece into the foil run is the other pair's noising; signs turn twice."""
    pairs = mixed_pairs()
    lines = lines_of("denoise", "noise")
    shifts, clean, foil = collected(tiny_models("llama"), pairs, lines)
    turned, turned_clean, turned_foil = collected(tiny_models("llama"), [pair.swapped() for pair in pairs], lines)
    torch.testing.assert_close(turned_clean, -foil, **NEAR)
    torch.testing.assert_close(turned_foil, -clean, **NEAR)
    for line in lines:
        other = line._replace(measure="noise" if line.measure == "denoise" else "denoise")
        torch.testing.assert_close(turned[other], shifts[line], equal_nan=True, **NEAR)


def test_a_position_a_pair_lacks_or_that_comes_before_its_first_difference_has_no_value(tiny_models: Any) -> None:
    pairs = mixed_pairs()
    lines = [Patching("denoise", name, where) for name in COMPONENTS for where in ("subject", "early", "nowhere")]
    shifts, *_ = collected(tiny_models("llama"), pairs, lines)
    for line, values in shifts.items():
        has = {"subject": [True, True, False, True], "early": [False, False, False, True]}[line.position]
        assert values.isnan().all(1).tolist() == [not is_there for is_there in has]
        assert values.isfinite().all(1).tolist() == has
    assert not [line for line in shifts if line.position == "nowhere"]


def test_the_same_seed_gives_the_same_numbers_and_another_seed_another_direction(tiny_models: Any) -> None:
    checkpoint, pairs = tiny_models("llama"), mixed_pairs()
    first, again, other = (collected(checkpoint, pairs, ALL_LINES, seed=seed)[0] for seed in (3, 3, 4))
    for line in ALL_LINES:
        assert torch.equal(first[line].nan_to_num(9e9), again[line].nan_to_num(9e9))
        same = torch.equal(first[line].nan_to_num(9e9), other[line].nan_to_num(9e9))
        assert same == (line.measure != "norm_matched_noise")


def test_controls_exist_for_contributions_at_named_positions_only(tiny_models: Any) -> None:
    lines = [Patching(measure, "resid_pre", "last") for measure in CONTROLS]
    lines += [Patching(measure, "mlp_out", ALL) for measure in CONTROLS]
    assert not collected(tiny_models("llama"), mixed_pairs(), lines)[0]


def test_a_window_longer_than_the_model_has_no_value(tiny_models: Any) -> None:
    lines = [Patching("denoise", "mlp_out", "last", 4), Patching("denoise", "mlp_out", "last", 3)]
    shifts, *_ = collected(tiny_models("llama"), mixed_pairs(), lines)
    assert list(shifts) == lines[1:]
    assert shifts[lines[1]].shape == (4, 1)


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_progress_counts_every_pair(tiny_models: Any, architecture: str) -> None:
    seen: list[tuple[int, int | None]] = []
    batches: list[PatchedBatch] = list(
        patch_pairs(
            Runs(tiny_models(architecture)), mixed_pairs(), [Patching("denoise", "mlp_out", "last")], batch_tokens=12,
            progress=lambda stage, done, total, unit: seen.append((done, total)),
        )
    )  # fmt: skip
    assert len(batches) > 1
    assert (seen[0], seen[-1]) == ((0, 4), (4, 4))
    assert sorted(row for batch in batches for row in batch.rows) == [0, 1, 2, 3]


def test_no_pairs_cost_nothing(tiny_models: Any) -> None:
    assert not list(patch_pairs(Runs(tiny_models("llama")), [], [Patching("denoise", "mlp_out", "last")]))


def test_a_model_that_cannot_be_restarted_gives_the_same_numbers_by_whole_passes(
    tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [Patching("denoise", component, "last") for component in ("attn_out", "mlp_out", "block_out", "resid_pre")]
    (restarted,) = patch_pairs(Runs(tiny_models("llama")), mixed_pairs(), lines)
    monkeypatch.setattr("strata.probes.rerun.shared_prefix._KNOWN_OPTIONS", frozenset())
    checkpoint = tiny_checkpoint("llama")
    (whole,) = patch_pairs(Runs(checkpoint), mixed_pairs(), lines)
    assert why_whole(checkpoint) is not None and why_whole(tiny_models("llama")) is None
    for line in lines:
        torch.testing.assert_close(whole.shift[line], restarted.shift[line], atol=2e-5, rtol=1e-4)
