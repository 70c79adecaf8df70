"""Every architecture's stream, writers and final norm are found where they are."""

from __future__ import annotations

import pytest
import torch
from tiny_models import ARCHITECTURES, tiny_model
from transformers import BertConfig, BertModel

from strata.probes.checkpoints.architecture_anatomy import anatomy_of
from strata.probes.checkpoints.block_steps import written_by
from strata.probes.errors import StrataError

POST_NORM = {"gemma2", "gemma3", "olmo2"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_contributions_are_taken_after_a_post_norm_where_there_is_one(architecture: str) -> None:
    anatomy = anatomy_of(tiny_model(architecture))
    assert len(anatomy.blocks) == 3
    assert anatomy.parallel == (architecture == "gpt_neox")
    for parts in anatomy.blocks:
        for module in (*written_by(parts.mixer), *written_by(parts.channel)):
            assert ("Norm" in type(module).__name__) == (architecture in POST_NORM)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_paths_lead_to_the_parts(architecture: str) -> None:
    model = tiny_model(architecture)
    anatomy = anatomy_of(model)
    assert model.get_submodule(anatomy.body_path) is anatomy.body is model.base_model
    blocks = list(model.get_submodule(anatomy.blocks_path).children())
    assert all(parts.block is block for parts, block in zip(anatomy.blocks, blocks, strict=True))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_final_norm_makes_the_last_hidden_state(architecture: str) -> None:
    model = tiny_model(architecture)
    seen: list[torch.Tensor] = []
    handle = anatomy_of(model).final_norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        output = model(input_ids=torch.arange(5, 12)[None], output_hidden_states=True)
    handle.remove()
    assert len(seen) == 1
    assert torch.equal(seen[0], output.hidden_states[-1])


def test_a_model_whose_tokens_look_ahead_is_refused() -> None:
    config = BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    with pytest.raises(
        StrataError, match=r"BertModel \(bert\) is not supported, because its tokens look at those behind"
    ):
        anatomy_of(BertModel(config))
