"""The identities of exchanging parts hold on every architecture, and each notices what it is there to notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from plain_interventions import mixed_pairs
from tiny_models import ARCHITECTURES, tiny_checkpoint

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.rerun.recording import record
from strata.probes.verification.layer_swap_self_tests import run_layer_swap_self_tests, run_own_swap_self_tests
from strata.probes.verification.model_self_tests import SelfTest

EVERYTHING = "swapping layers everything gives the donor"
NOTHING = "swapping layers nothing gives the base"
ITSELF = "a model swapped with itself does not move"
PUT_BACK = "a contribution put back where it stood changes nothing"


def failed(base: Checkpoint, donor: Checkpoint) -> set[str]:
    return {test.name for test in all_tests(base, donor) if not test.passed}


def all_tests(base: Checkpoint, donor: Checkpoint) -> tuple[SelfTest, ...]:
    return (*run_layer_swap_self_tests(base, donor, mixed_pairs()), *run_own_swap_self_tests(base, mixed_pairs()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_passes(architecture: str, dtype: torch.dtype) -> None:
    base, donor = (tiny_checkpoint(architecture, dtype=dtype, seed=seed) for seed in (0, 1))
    tests = all_tests(base, donor)
    assert {test.name for test in tests} == {EVERYTHING, NOTHING, ITSELF, PUT_BACK}
    assert all(test.passed for test in tests), [test for test in tests if not test.passed]


def test_logits_that_cancel_are_measured_by_what_they_sum_up() -> None:
    """Of a model that says next to nothing, logits are mostly rounding of streams and unembeddings that aren't small."""
    base, donor = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    for checkpoint in (base, donor):
        prompts = [prompt for pair in mixed_pairs() for prompt in (pair.clean, pair.foil)]
        read = checkpoint.readout.normed(record(checkpoint, prompts).streams[-1][:, -1])
        directions = torch.linalg.qr(read.T).Q
        assert directions.shape[1] < checkpoint.d_model
        with torch.no_grad():
            checkpoint.readout.weight.sub_(checkpoint.readout.weight @ directions @ directions.T)
    assert failed(base, donor) <= {PUT_BACK}


def test_no_pairs_are_no_test(tiny_models: Any) -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        run_layer_swap_self_tests(tiny_models("llama"), tiny_models("llama"), [])


def test_a_wrong_order_of_blocks_in_one_model_is_noticed_there() -> None:
    """Blocks named in another order than they run in: the layer swap takes the wrong ones."""
    base, donor = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    blocks = donor.anatomy.blocks
    shuffled = replace(donor, anatomy=replace(donor.anatomy, blocks=(blocks[1], blocks[0], blocks[2])))
    assert failed(base, shuffled) == {EVERYTHING}
    assert NOTHING in failed(shuffled, base)


def test_a_block_that_remembers_how_often_it_ran_is_noticed() -> None:
    base, runs = tiny_checkpoint("llama"), [0]

    def drifting(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        runs[0] += 1
        return output * (1 + 0.1 * runs[0])

    base.blocks[1].mlp.register_forward_hook(drifting)
    assert failed(base, tiny_checkpoint("llama", seed=1)) == {NOTHING, ITSELF, PUT_BACK}


def test_a_read_out_without_its_softcap_is_noticed_where_it_belongs() -> None:
    base, donor = (tiny_checkpoint("gemma2", seed=seed) for seed in (0, 1))
    assert failed(base, replace(donor, readout=replace(donor.readout, softcap=None))) == {EVERYTHING}


def test_not_a_number_never_passes() -> None:
    base, donor = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    donor.blocks[0].mlp.register_forward_hook(lambda module, inputs, output: output * float("nan"))
    assert failed(base, donor) == {EVERYTHING}
