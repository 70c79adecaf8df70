"""Skip, mean and resample ablation give what one plain forward pass a pair and block gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, mixed_pairs, pair_of, plain
from torch import Tensor

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.interventions.ablation import METHODS, ablate_pairs
from strata.probes.interventions.intervention import Ablation
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.rerun.shared_recordings import Runs

COMPONENTS = ("block_out", "attn_out", "mlp_out")
ABLATIONS = [Ablation(method, name, window=window) for method in METHODS for name in COMPONENTS for window in (1, 2)]
NEAR = {"rtol": 1e-3, "atol": 2e-4}
Given = Callable[[int, int], Tensor]
"""(block, token of the pair) → what is put there."""


def collected(
    checkpoint: Checkpoint,
    pairs: Sequence[Pair],
    donors: Sequence[Pair],
    ablations: Sequence[Ablation],
    **options: Any,
) -> tuple[dict[Ablation, Tensor], dict[Ablation, Tensor]]:
    drop: dict[Ablation, Tensor] = {}
    wrong: dict[Ablation, Tensor] = {}
    for batch in ablate_pairs(Runs(checkpoint), pairs, donors, ablations, **options):
        for gathered, parts in ((drop, batch.drop), (wrong, batch.wrong)):
            for ablation, values in parts.items():
                gathered.setdefault(ablation, torch.full((len(pairs), values.shape[1]), torch.nan))[
                    list(batch.rows)
                ] = values
    return drop, wrong


def plain_left(model: PlainModel, pair: Pair, ablation: Ablation, n_layers: int, given: Given) -> Tensor:
    """The logit difference that is left, by the window's first block."""
    tokens = range(pair.first_difference, len(pair.clean.ids))
    return torch.tensor([
        model.difference(pair, pair.clean.ids, {
            (ablation.component, layer): {token: given(layer, token) for token in tokens}
            for layer in range(start, start + ablation.window)
        })
        for start in range(n_layers - ablation.window + 1)
    ])  # fmt: skip


def part(pair: Pair, token: int) -> str:
    return next((name for name, place in pair.clean.positions.items() if place == token), "rest")


@pytest.mark.parametrize("architecture", REFERENCED)
def test_skipping_sets_the_contribution_to_nothing_from_the_first_difference_on(
    tiny_models: Any, architecture: str
) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    model = plain(architecture, checkpoint)
    ablations = [ablation for ablation in ABLATIONS if ablation.measure == "zero"]
    drop, wrong = collected(checkpoint, pairs, [], ablations)
    for row, pair in enumerate(pairs):
        intact = model.difference(pair, pair.clean.ids)
        for ablation in ablations:
            left = plain_left(model, pair, ablation, checkpoint.n_layers, lambda layer, token: torch.zeros(32))
            torch.testing.assert_close(drop[ablation][row], intact - left, **NEAR)
            assert torch.equal(wrong[ablation][row], (left <= 0).float())


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt_neox"])
def test_the_mean_is_that_of_the_donors_tokens_that_play_the_same_part(tiny_models: Any, architecture: str) -> None:
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    donors = [pair_of("r", 8, 3, subject=5, seed=11), pair_of("s", 11, 4, subject=8, seed=12)]
    model = plain(architecture, checkpoint)
    runs = [model.contributions(pair.clean) for pair in donors]
    ablations = [ablation for ablation in ABLATIONS if ablation.measure == "mean"]
    drop, _ = collected(checkpoint, pairs, [*donors, pair_of("z", 9, 2, subject=4, seed=9, group="other")], ablations)

    def mean(component: str, layer: int, name: str) -> Tensor:
        """Over the donors' tokens of that name; of all tokens where it names none or means the rest."""
        named, everything = [], []
        for pair, run in zip(donors, runs, strict=True):
            for token in range(pair.first_difference, len(pair.clean.ids)):
                everything.append(run[component, layer][token])
                if name != "rest" and part(pair, token) == name:
                    named.append(run[component, layer][token])
        return torch.stack(named or everything).mean(0)

    for row, pair in enumerate(pairs):
        for ablation in ablations:

            def given(layer: int, token: int, pair=pair, ablation=ablation) -> Tensor:
                return mean(ablation.component, layer, part(pair, token))

            expected = model.difference(pair, pair.clean.ids) - plain_left(
                model, pair, ablation, checkpoint.n_layers, given
            )
            torch.testing.assert_close(drop[ablation][row], expected, **NEAR)


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt_neox"])
def test_a_resampled_contribution_is_the_donors_at_the_same_part_averaged_over_donors(
    tiny_models: Any, architecture: str
) -> None:
    """As many draws as donors: each is a donor once, whatever the order in which they do."""
    checkpoint, pairs = tiny_models(architecture), mixed_pairs()
    donors = [pair_of("r", 8, 3, subject=5, seed=11), pair_of("s", 11, 4, subject=8, seed=12)]
    model = plain(architecture, checkpoint)
    ablations = [ablation for ablation in ABLATIONS if ablation.measure == "resample"]
    drop, wrong = collected(checkpoint, pairs, donors, ablations, draws=2)
    for row, pair in enumerate(pairs):
        for ablation in ablations:
            left = []
            for donor in donors:
                run = model.contributions(donor.clean)

                def given(layer: int, token: int, pair=pair, ablation=ablation, donor=donor, run=run) -> Tensor:
                    there = donor.clean.positions.get(part(pair, token))
                    if there is None:
                        there = max(donor.first_difference, token + len(donor.clean.ids) - len(pair.clean.ids))
                    return run[ablation.component, layer][there]

                left.append(plain_left(model, pair, ablation, checkpoint.n_layers, given))
            expected = model.difference(pair, pair.clean.ids) - torch.stack(left).mean(0)
            torch.testing.assert_close(drop[ablation][row], expected, **NEAR)
            assert torch.equal(wrong[ablation][row], (torch.stack(left) <= 0).float().mean(0))


def test_what_is_lost_does_not_depend_on_the_batch_or_its_order(tiny_models: Any) -> None:
    """Nor do the donors that a pair is given, more of which there are than draws."""
    checkpoint, pairs = tiny_models("gemma2"), mixed_pairs()
    donors = [pair_of(name, 8, 3, subject=5, seed=11 + n) for n, name in enumerate("rstuvwx")]
    together, _ = collected(checkpoint, pairs, donors, ABLATIONS)
    in_ones, _ = collected(checkpoint, pairs, donors, ABLATIONS, batch_tokens=1)
    backwards, _ = collected(checkpoint, [*pairs, pair_of("long", 17, 1, subject=9, seed=8)][::-1], donors, ABLATIONS)
    for ablation in ABLATIONS:
        torch.testing.assert_close(in_ones[ablation], together[ablation], **NEAR)
        torch.testing.assert_close(backwards[ablation][1:].flip(0), together[ablation], **NEAR)


def test_a_group_without_other_pairs_has_no_mean_and_no_donor(tiny_models: Any) -> None:
    drop, wrong = collected(
        tiny_models("llama"), mixed_pairs(), [pair_of("z", 9, 2, subject=4, seed=9, group="z")], ABLATIONS
    )
    assert {ablation.measure for ablation in drop} == {ablation.measure for ablation in wrong} == {"zero"}
