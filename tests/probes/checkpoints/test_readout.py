"""The read-out found in a model is the one the model uses, and heads that aren't linear are refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel

from strata.probes.checkpoints.readout import Readout, readout_of
from strata.probes.errors import StrataError


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def test_readout_of_the_normed_states_gives_the_models_logits() -> None:
    model = llama()
    ids = torch.arange(9)[None]
    with torch.inference_mode():
        outputs: list[torch.Tensor] = []
        handle = model.model.layers[-1].register_forward_hook(lambda m, i, o: outputs.append(o))
        logits = model(ids).logits
        handle.remove()
        assert torch.equal(readout_of(model, model.model.norm).logits(outputs[0]), logits)


def test_transform_in_place_does_what_transform_does() -> None:
    logits = torch.randn(4, 30) * 10
    readout = Readout(nn.Identity(), torch.empty(30, 2), None, scale=0.3, softcap=2.0)
    expected = readout.transform(logits)
    readout.transform_in_place(logits)
    assert torch.equal(logits, expected)
    torch.testing.assert_close(expected.abs().max() <= 2.0, torch.tensor(True))


def test_fingerprint_changes_with_anything_that_changes_logits() -> None:
    model = llama()
    base = readout_of(model, model.model.norm)
    changed = [
        Readout(base.norm, base.weight + 1e-3, None),
        Readout(base.norm, base.weight, torch.zeros(50)),
        Readout(base.norm, base.weight, None, scale=2.0),
        Readout(base.norm, base.weight, None, softcap=30.0),
        Readout(nn.RMSNorm(16), base.weight, None),
    ]
    assert len({readout.fingerprint() for readout in (base, *changed)}) == 6
    assert readout_of(llama(), model.model.norm).fingerprint() == base.fingerprint()


def test_a_model_without_head_is_refused() -> None:
    body = LlamaModel(llama().config)
    with pytest.raises(StrataError, match="no language-model head"):
        readout_of(body, body.norm)


def test_a_head_that_is_not_linear_is_refused() -> None:
    model = llama()
    model.lm_head = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 50))
    with pytest.raises(StrataError, match="not one linear map"):
        readout_of(model, model.model.norm)


def test_a_head_of_another_width_is_refused() -> None:
    model = llama()
    model.lm_head = nn.Linear(8, 50)
    with pytest.raises(StrataError, match="not one linear map"):
        readout_of(model, model.model.norm)
