"""The shapes that are known without a file are those that transformers builds from the same numbers."""

from __future__ import annotations

import pytest
import torch

from strata.probes.checkpoints.known_model_pairs import PAIRS
from strata.probes.checkpoints.published_shapes import SHAPES, published_shape

DISTINCT = {(shape.model_type, shape.n_layers, shape.d_model, shape.tied): shape for shape in SHAPES.values()}


@pytest.mark.parametrize("key", sorted(DISTINCT), ids=str)
def test_parameters_are_counted_as_transformers_builds_them(key: tuple[str, int, int, bool]) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = DISTINCT[key]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape.settings))
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    layers = model.get_decoder().layers
    assert shape.body_parameters == sum(parameter.numel() for parameter in layers.parameters())
    keys_and_values = sum(layer.self_attn.k_proj.out_features + layer.self_attn.v_proj.out_features for layer in layers)
    assert shape.kv_numbers == keys_and_values


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("qwen2.5-math-1.5b", 1.54), ("r1-distill-qwen-1.5b", 1.78), ("Qwen/Qwen2.5-Math-7B", 7.62), ("qwen2.5-14b", 14.77),
        ("DeepSeek-AI/DeepSeek-R1-Distill-Qwen-32B", 32.76), ("llama-3.1-8b", 8.03), ("R1-Distill-Llama-70B", 70.55),
    ],
)  # fmt: skip
def test_sizes_are_the_published_ones(name: str, billions: float) -> None:
    shape = published_shape(name)
    assert shape is not None and shape.parameters / 1e9 == pytest.approx(billions, abs=0.005)


def test_every_r1_distilled_pair_of_the_registry_has_both_shapes() -> None:
    for pair in PAIRS:
        if pair.kind == "R1-distilled":
            base, distilled = published_shape(pair.base), published_shape(pair.distilled)
            assert base is not None and distilled is not None
            assert (base.n_layers, base.d_model, base.vocab_size) == (
                distilled.n_layers,
                distilled.d_model,
                distilled.vocab_size,
            )
    assert published_shape("oat-zero-7b") == published_shape("qwen2.5-math-7b")
    assert (
        published_shape("smollm2") is None
        and published_shape("smollm2+think") is None
        and published_shape("some/other") is None
    )
