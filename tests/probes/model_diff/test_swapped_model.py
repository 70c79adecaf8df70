"""A model with another one's blocks in place says what a model made of copies says, and is itself again afterwards."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from plain_interventions import mixed_pairs
from tiny_models import N_LAYERS, tiny_checkpoint

from strata.probes.decoding.generate import generate
from strata.probes.errors import StrataError
from strata.probes.model_diff.layer_swaps import LayerSwap, layer_swaps_of
from strata.probes.model_diff.swapped_model import swapped_model


@pytest.mark.parametrize("architecture", ["llama", "gemma2", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("sweep", ["prefix", "suffix", "single", "nothing"])
def test_it_writes_what_a_model_of_copied_blocks_writes(architecture: str, sweep: str) -> None:
    base, donor = (tiny_checkpoint(architecture, seed=seed) for seed in (0, 1))
    prompts = [pair.clean for pair in mixed_pairs()]
    before = generate(base, prompts, max_new_tokens=8)
    written = []
    for swap in layer_swaps_of(N_LAYERS, (sweep,)):
        made = copy.deepcopy(base.model)
        blocks = made.get_submodule(base.anatomy.blocks_path)
        for layer in swap.blocks:
            blocks[layer] = copy.deepcopy(donor.blocks[layer])
        with swapped_model(base, donor, swap) as model, torch.no_grad():
            generations = generate(model, prompts, max_new_tokens=8)
            ids = torch.tensor([prompts[0].ids])
            assert torch.equal(model.model(input_ids=ids).logits, made(input_ids=ids).logits)
            assert [block is other for block, other in zip(model.blocks, donor.blocks, strict=True)] == [
                layer in swap.blocks for layer in range(N_LAYERS)
            ]
            assert model.identity.weights_sha256 != base.identity.weights_sha256
        written.append([line.ids for line in generations])
        assert generate(base, prompts, max_new_tokens=8) == before
    if sweep == "nothing":
        assert written == [[line.ids for line in before]]
    else:
        assert any(lines != [line.ids for line in before] for lines in written)


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma2", "gemma3", "gpt2", "gpt_neox"])
def test_all_blocks_of_a_donor_with_equal_ends_write_what_the_donor_writes(architecture: str) -> None:
    changes = {"attn_logit_softcapping": 0.5} if architecture == "gemma2" else {}
    base, donor = tiny_checkpoint(architecture), tiny_checkpoint(architecture, seed=1, **changes)
    with torch.no_grad():
        inside = tuple(f"{donor.anatomy.blocks_path}.{layer}." for layer in range(N_LAYERS))
        for name, weight in donor.model.named_parameters():
            if not name.startswith(inside):
                weight.copy_(base.model.get_parameter(name))
    prompts = [pair.clean for pair in mixed_pairs()]
    expected, own = (
        [line.ids for line in generate(checkpoint, prompts, max_new_tokens=8)] for checkpoint in (donor, base)
    )
    with swapped_model(base, donor, LayerSwap("prefix", N_LAYERS - 1, range(N_LAYERS))) as model:
        assert [line.ids for line in generate(model, prompts, max_new_tokens=8)] == expected != own
        ids = torch.tensor([prompts[0].ids])
        with torch.no_grad():
            assert torch.equal(model.model(input_ids=ids).logits, donor.model(input_ids=ids).logits)


YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}


@pytest.mark.parametrize(
    ("architecture", "of_base", "of_donor", "named"),
    [
        ("llama", {}, {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}, "rope_parameters"),
        ("llama", {}, {"rope_parameters": YARN}, "rope_parameters"),
        ("llama", {"rope_parameters": YARN}, {"rope_parameters": YARN, "max_position_embeddings": 256}, "max_position"),
        ("gpt_neox", {}, {"rotary_pct": 0.25}, "rotary|rope"),
        ("mistral", {}, {"sliding_window": 6}, "sliding_window"),
        ("gemma3", {}, {"layer_types": ["full_attention"] * N_LAYERS}, "layer_types"),
    ],
)
def test_blocks_do_not_run_under_another_models_places_and_masks(
    architecture: str, of_base: dict[str, Any], of_donor: dict[str, Any], named: str
) -> None:
    base, donor = tiny_checkpoint(architecture, **of_base), tiny_checkpoint(architecture, seed=1, **of_donor)
    own = list(base.blocks)
    for first, second in ((base, donor), (donor, base)):
        with (
            pytest.raises(StrataError, match=rf"differently: .*({named})"),
            swapped_model(first, second, LayerSwap("single", 1, range(1, 2))),
        ):
            pass
    assert list(base.blocks) == own


def test_settings_without_effect_are_no_difference() -> None:
    for architecture, of_base, of_donor in (
        ("llama", {"max_position_embeddings": 64}, {"max_position_embeddings": 128}),
        ("qwen2", {"max_window_layers": 2}, {"max_window_layers": 3, "sliding_window": 8, "use_sliding_window": False}),
    ):
        base, donor = tiny_checkpoint(architecture, **of_base), tiny_checkpoint(architecture, seed=1, **of_donor)
        with swapped_model(base, donor, LayerSwap("single", 1, range(1, 2))) as model:
            assert model.blocks[1] is donor.blocks[1]


def test_the_blocks_go_back_after_an_error_and_ends_are_refused() -> None:
    base, donor = (tiny_checkpoint("llama", seed=seed) for seed in (0, 1))
    own = [id(block) for block in base.model.model.layers]
    with pytest.raises(RuntimeError, match="stopped"), swapped_model(base, donor, LayerSwap("single", 1, range(1, 2))):
        assert [id(block) for block in base.model.model.layers] != own
        raise RuntimeError("stopped")
    assert [id(block) for block in base.model.model.layers] == own
    everything = layer_swaps_of(N_LAYERS, ("everything",))[0]
    with pytest.raises(StrataError, match="more than blocks"), swapped_model(base, donor, everything):
        pass
    wide = tiny_checkpoint("llama", hidden_size=64)
    with pytest.raises(StrataError, match="dimensions"), swapped_model(base, wide, LayerSwap("single", 0, range(1))):
        pass
