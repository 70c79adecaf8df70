"""A model with another one's blocks in place says what a model made of copies says, and is itself again afterwards."""

from __future__ import annotations

import copy

import pytest
import torch
from plain_interventions import mixed_pairs
from tiny_models import N_LAYERS, tiny_checkpoint

from probes.causal.grafted_model import grafted_model
from probes.causal.grafts import Graft, grafts_of
from probes.errors import StrataError
from probes.generation import generate


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("sweep", ["prefix", "suffix", "single", "nothing"])
def test_it_writes_what_a_model_of_copied_blocks_writes(architecture: str, sweep: str) -> None:
    base, donor = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    prompts = [pair.clean for pair in mixed_pairs()]
    before = generate(base, prompts, max_new_tokens=8)
    written = []
    for one in grafts_of(N_LAYERS, (sweep,)):  # type: ignore[arg-type]
        made = copy.deepcopy(base.model)
        blocks = made.get_submodule(base.anatomy.blocks_path)
        for layer in one.blocks:
            blocks[layer] = copy.deepcopy(donor.blocks[layer])
        with grafted_model(base, donor, one) as model, torch.no_grad():
            found = generate(model, prompts, max_new_tokens=8)
            ids = torch.tensor([prompts[0].ids])
            assert torch.equal(model.model(input_ids=ids).logits, made(input_ids=ids).logits)
            assert [block is other for block, other in zip(model.blocks, donor.blocks, strict=True)] == [
                layer in one.blocks for layer in range(N_LAYERS)
            ]
            assert (model.identity.weights_sha256 == base.identity.weights_sha256) is False
        written.append([line.ids for line in found])
        assert generate(base, prompts, max_new_tokens=8) == before
    if sweep == "nothing":
        assert written == [[line.ids for line in before]]
    else:
        assert any(lines != [line.ids for line in before] for lines in written)


def test_the_blocks_go_back_after_an_error_and_ends_are_refused() -> None:
    base, donor = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    own = [id(block) for block in base.model.model.layers]
    with pytest.raises(RuntimeError, match="stopped"), grafted_model(base, donor, Graft("single", 1, range(1, 2))):
        assert [id(block) for block in base.model.model.layers] != own
        raise RuntimeError("stopped")
    assert [id(block) for block in base.model.model.layers] == own
    everything = grafts_of(N_LAYERS, ("everything",))[0]
    with pytest.raises(StrataError, match="more than blocks"), grafted_model(base, donor, everything):
        pass
    wide = tiny_checkpoint("llama", hidden_size=64)
    with pytest.raises(StrataError, match="dimensions"), grafted_model(base, wide, Graft("single", 0, range(1))):
        pass
