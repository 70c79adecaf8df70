"""The identities hold on every architecture, and a model that breaks one is noticed by the test of that identity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from plain_interventions import mixed_pairs
from tiny_models import ARCHITECTURES, adds, counts_from_its_mask, tiny_checkpoint

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.recorded_tree import RowsOfTree
from strata.probes.verification.intervention_self_tests import run_causal_self_tests

RESTART = "a restarted run gives the logits of the whole forward pass"
OWN = "a restarted run given its own stream changes nothing"
RESTORES = "denoising every position of one stream restores the clean run"
AT_THE_END = "the clean run's attention at the last position, in all blocks, restores the clean run"
SIGN = "the logit difference is the model's logit of the answer minus that of the foil"


def failed(checkpoint: Checkpoint) -> set[str]:
    return {test.name for test in run_causal_self_tests(checkpoint, mixed_pairs()) if not test.passed}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_passes(tiny_models: Any, architecture: str, dtype: torch.dtype) -> None:
    assert not failed(tiny_models(architecture, dtype))


def test_all_five_are_run_on_a_single_pair(tiny_models: Any) -> None:
    tests = run_causal_self_tests(tiny_models("llama"), mixed_pairs()[:1])
    assert {test.name for test in tests} == {RESTART, OWN, RESTORES, AT_THE_END, SIGN}
    assert all(test.passed for test in tests)


def test_no_pairs_are_no_test(tiny_models: Any) -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        run_causal_self_tests(tiny_models("llama"), [])


def test_a_block_that_looks_at_its_whole_batch_fails() -> None:
    """Its output depends on which tokens and rows are recomputed, so no restart gives what the whole pass gives."""
    checkpoint = tiny_checkpoint("llama")
    checkpoint.blocks[1].mlp.register_forward_hook(lambda module, inputs, output: output - output.mean((0, 1)))
    assert {RESTART, OWN} <= failed(checkpoint)


def test_an_mlp_that_reads_other_positions_fails() -> None:
    """Attention at the last position then isn't all that reaches it."""
    checkpoint = tiny_checkpoint("llama")
    checkpoint.blocks[1].mlp.register_forward_hook(lambda module, inputs, output: output + inputs[0].roll(1, 1))
    assert AT_THE_END in failed(checkpoint)


def test_pairs_that_differ_at_the_last_position_are_not_asked_for_its_attention(tiny_models: Any) -> None:
    pair = mixed_pairs()[0]
    other = Prompt(pair.key, (*pair.foil.ids[:-1], 5 + (pair.clean.ids[-1] - 4) % 45), pair.foil.positions)
    tests = run_causal_self_tests(tiny_models("llama"), [replace(pair, foil=other)])
    assert {test.name for test in tests} == {RESTART, OWN, RESTORES, SIGN}


def test_a_block_that_remembers_how_often_it_ran_fails() -> None:
    checkpoint, runs = tiny_checkpoint("llama"), [0]

    def drifting(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        runs[0] += 1
        return output * (1 + 0.1 * runs[0])

    checkpoint.blocks[2].mlp.register_forward_hook(drifting)
    assert {RESTART, OWN} <= failed(checkpoint)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_body_that_counts_positions_by_itself_is_run_in_rows_or_fails(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tiny_checkpoint(architecture)
    counts_from_its_mask(checkpoint)
    assert not failed(checkpoint)
    monkeypatch.setattr(RowsOfTree, "_require_alike", lambda self, name, values: None)
    assert RESTART in failed(checkpoint)


def test_contributions_read_before_a_post_norm_fail() -> None:
    checkpoint = tiny_checkpoint("gemma2")
    blocks = tuple(
        replace(parts, mixer=adds(parts.block.self_attn), channel=adds(parts.block.mlp))
        for parts in checkpoint.anatomy.blocks
    )
    assert RESTART in failed(replace(checkpoint, anatomy=replace(checkpoint.anatomy, blocks=blocks)))


@pytest.mark.parametrize("change", ["negated", "no_softcap"])
def test_a_logit_difference_of_the_wrong_sign_or_scale_fails(change: str) -> None:
    checkpoint = tiny_checkpoint("gemma2")
    readout = checkpoint.readout
    wrong = replace(readout, weight=-readout.weight) if change == "negated" else replace(readout, softcap=None)
    assert SIGN in failed(replace(checkpoint, readout=wrong))


def test_not_a_number_never_passes() -> None:
    checkpoint = tiny_checkpoint("llama")
    checkpoint.blocks[0].mlp.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    assert failed(checkpoint) == {RESTART, OWN, RESTORES, AT_THE_END, SIGN}
