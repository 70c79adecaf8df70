"""Packed weights multiply as the model's own do, and leave the model as it was."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny_model
from torch import nn

import strata.probes.backends.packed_linear as module
from strata.probes.backends.packed_linear import FEWEST_TOKENS, packed_linears


@pytest.fixture(autouse=True)
def _small_weights_too(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.name != "test_small_weights_are_left_alone":
        monkeypatch.setattr(module, "_LEAST_NUMBERS", 1)


def test_small_weights_are_left_alone() -> None:
    block = nn.Sequential(nn.Linear(255, 256), nn.Linear(256, 256))
    with packed_linears(block, FEWEST_TOKENS):
        assert ["forward" in part.__dict__ for part in block] == [False, module._available()]


def test_packed_products_are_the_ordinary_ones_whatever_the_number_of_tokens() -> None:
    block = nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 24, bias=False))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad(), packed_linears(block, FEWEST_TOKENS):
        assert all("forward" in block[n].__dict__ for n in (0, 2)) == module._available()
        for shape in ((1, 24), (3, 7, 24), (300, 24)):
            given = torch.randn(shape, generator=generator)
            got = block(given)
            expected = nn.functional.linear(given, block[0].weight, block[0].bias)
            expected = nn.functional.linear(nn.functional.gelu(expected), block[2].weight)
            torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


def test_weights_changed_between_two_sweeps_are_read_anew() -> None:
    block = nn.Sequential(nn.Linear(24, 24))
    given = torch.ones(2, 24)
    with torch.no_grad():
        with packed_linears(block, FEWEST_TOKENS):
            before = block(given)
        block[0].weight.mul_(2)
        with packed_linears(block, FEWEST_TOKENS):
            after = block(given)
        torch.testing.assert_close(after - block[0].bias, 2 * (before - block[0].bias), rtol=1e-5, atol=1e-6)
        block[0].weight.data.mul_(2)
        with packed_linears(block, FEWEST_TOKENS):
            unseen = block(given)
        torch.testing.assert_close(unseen - block[0].bias, 4 * (before - block[0].bias), rtol=1e-5, atol=1e-6)


def test_what_is_laid_out_is_kept_as_far_as_memory_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    block = nn.Sequential(nn.Linear(24, 24))
    if not module._available():
        pytest.skip("this build of PyTorch has no packed products")
    with packed_linears(block, 1):
        first = module._kept[block[0].weight].weight
    with packed_linears(block, 1):
        assert module._kept[block[0].weight].weight is first
    del block
    assert all(kept.weight is not first for kept in module._kept.values())
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    other = nn.Sequential(nn.Linear(24, 24))
    with packed_linears(other, FEWEST_TOKENS - 1):
        assert "forward" not in other[0].__dict__
    with packed_linears(other, None):
        assert "forward" not in other[0].__dict__
    with packed_linears(other, FEWEST_TOKENS):
        assert "forward" in other[0].__dict__ and other[0].weight not in module._kept


def test_hooks_still_see_inputs_and_outputs() -> None:
    block = nn.Sequential(nn.Linear(24, 24))
    seen: list[torch.Size] = []
    block[0].register_forward_hook(lambda _m, given, output: seen.extend((given[0].shape, output.shape)))
    with torch.no_grad(), packed_linears(block, FEWEST_TOKENS):
        block(torch.ones(2, 24))
    assert seen == [(2, 24), (2, 24)]


def test_nothing_is_left_behind_even_after_a_failure() -> None:
    model = tiny_model("llama")
    with pytest.raises(RuntimeError), packed_linears(model, FEWEST_TOKENS):
        raise RuntimeError("on purpose")
    assert not any("forward" in part.__dict__ for part in model.modules())


def test_half_precision_and_foreign_forwards_are_left_alone() -> None:
    block = nn.Sequential(nn.Linear(24, 24), nn.Linear(24, 24).bfloat16(), nn.Linear(24, 24))

    def own(given: torch.Tensor) -> torch.Tensor:
        return given

    block[2].forward = own
    with packed_linears(block, FEWEST_TOKENS):
        assert "forward" not in block[1].__dict__
        assert block[2].forward is own
    assert block[2].forward is own


@pytest.mark.parametrize("shape", [(96, 40), (40, 96), (7, 300)])
def test_a_single_row_or_column_that_is_written_past_the_version_counter_is_seen(shape: tuple[int, int]) -> None:
    block = nn.Sequential(nn.Linear(*shape))
    weight, given = block[0].weight, torch.ones(2, shape[0])
    with torch.no_grad():
        for part in (*weight.data.unbind(0), *weight.data.unbind(1)):
            with packed_linears(block, FEWEST_TOKENS):
                block(given)
            part.add_(1)
            with packed_linears(block, FEWEST_TOKENS):
                after = block(given)
            torch.testing.assert_close(after, nn.functional.linear(given, weight, block[0].bias), rtol=1e-5, atol=1e-4)


def test_weights_made_in_inference_mode_are_left_alone() -> None:
    with torch.inference_mode():
        block = nn.Sequential(nn.Linear(24, 24))
    with torch.no_grad(), packed_linears(block, FEWEST_TOKENS):
        assert "forward" not in block[0].__dict__ and block(torch.ones(2, 24)).shape == (2, 24)
