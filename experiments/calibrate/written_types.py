"""How does Hugging Face name and lay out the weights of the model types in which circuits are planted?

Llama (RMS norm, gated MLP), Llama with two query heads to one of keys and values, GPT-2 (layer norm, learned positions,
inputs in rows) and GPT-NeoX (attention and MLP of a block read the same stream).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from einops import rearrange
from torch import Tensor

from strata.experiments.calibrate.weight_writing import ROPE_THETA, Component, Layout

Architecture = Literal["llama", "gpt2", "grouped", "parallel"]
_QUERY_HEADS_A_GROUP = 2
_POSITIONS = 64

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class WrittenType:
    """One model type of Hugging Face."""

    config: Callable[[Layout, int, Sequence[str]], Any]
    """(layout, number of blocks, vocabulary): its configuration."""
    outside: Callable[[Tensor, Tensor, Tensor], Weights]
    """(embedding, unembedding, norm's weight): the tensors outside the blocks."""
    block: Callable[[Layout, Mapping[str, Tensor], Tensor, Tensor], Weights]
    """(layout, a block's weights in the planted basis, the turn of the basis, norm's weight): the tensors of a block."""
    prefix: str
    writes: Mapping[Component, str]
    """Name of the matrix of a block's attention and MLP that writes to the stream."""
    inputs_in_rows: bool = False
    query_heads_a_group: int = 1
    layer_norm: bool = False
    """Whether the norms take the mean away: the direction of equal entries can hold nothing."""
    parallel: bool = False
    """Whether a block's MLP reads the stream before its attention has written to it."""


def _shared(layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> dict[str, int | str | bool]:
    return {
        "dtype": "float32", "vocab_size": len(vocabulary), "hidden_size": layout.d_model, "intermediate_size": layout.neurons,
        "num_hidden_layers": n_layers, "max_position_embeddings": _POSITIONS, "tie_word_embeddings": False, **_ids(vocabulary),
    }  # fmt: skip


def _ids(vocabulary: Sequence[str]) -> dict[str, int]:
    return {"pad_token_id": vocabulary.index("<pad>"), "bos_token_id": vocabulary.index("<s>"), "eos_token_id": vocabulary.index("</s>")}  # fmt: skip


def _llama_config(query_heads_a_group: int) -> Callable[[Layout, int, Sequence[str]], Any]:
    def config(layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> Any:
        from transformers import LlamaConfig

        return LlamaConfig(
            architectures=["LlamaForCausalLM"], num_attention_heads=layout.heads * query_heads_a_group,
            num_key_value_heads=layout.heads, head_dim=layout.head_width, attention_bias=True, mlp_bias=True,
            rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
            **_shared(layout, n_layers, vocabulary),
        )  # fmt: skip

    return config


def _gpt2_config(layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> Any:
    from transformers import GPT2Config

    return GPT2Config(
        architectures=["GPT2LMHeadModel"], dtype="float32", vocab_size=len(vocabulary), n_embd=layout.d_model,
        n_inner=layout.neurons, n_layer=n_layers, n_head=layout.heads, n_positions=_POSITIONS, tie_word_embeddings=False,
        layer_norm_epsilon=1e-6, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **_ids(vocabulary),
    )  # fmt: skip


def _neox_config(layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> Any:
    from transformers import GPTNeoXConfig

    return GPTNeoXConfig(
        architectures=["GPTNeoXForCausalLM"], num_attention_heads=layout.heads, hidden_act="gelu_new", layer_norm_eps=1e-6,
        use_parallel_residual=True, attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA, "partial_rotary_factor": 1.0},
        **_shared(layout, n_layers, vocabulary),
    )  # fmt: skip


def _llama_outside(embedding: Tensor, unembedding: Tensor, norm: Tensor) -> Weights:
    return {"model.embed_tokens.weight": embedding, "lm_head.weight": unembedding, "model.norm.weight": norm}


def _gpt2_outside(embedding: Tensor, unembedding: Tensor, norm: Tensor) -> Weights:
    return {
        "transformer.wte.weight": embedding, "transformer.wpe.weight": torch.zeros(_POSITIONS, len(norm)),
        "transformer.ln_f.weight": norm, "transformer.ln_f.bias": torch.zeros(len(norm)), "lm_head.weight": unembedding,
    }  # fmt: skip


def _neox_outside(embedding: Tensor, unembedding: Tensor, norm: Tensor) -> Weights:
    return {
        "gpt_neox.embed_in.weight": embedding, "embed_out.weight": unembedding,
        "gpt_neox.final_layer_norm.weight": norm, "gpt_neox.final_layer_norm.bias": torch.zeros(len(norm)),
    }  # fmt: skip


def _llama_block(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> Weights:
    width = layout.heads * layout.head_width
    return {
        "input_layernorm.weight": norm.clone(),
        "post_attention_layernorm.weight": norm.clone(),
        "self_attn.q_proj.weight": weights["q"] @ turn.T,
        "self_attn.k_proj.weight": weights["k"] @ turn.T,
        "self_attn.v_proj.weight": weights["v"] @ turn.T,
        "self_attn.o_proj.weight": turn @ weights["o"],
        "self_attn.q_proj.bias": weights["q_bias"],
        "self_attn.k_proj.bias": torch.zeros(width),
        "self_attn.v_proj.bias": torch.zeros(width),
        "self_attn.o_proj.bias": torch.zeros(layout.d_model),
        "mlp.gate_proj.weight": weights["gate"] @ turn.T,
        "mlp.up_proj.weight": weights["up"] @ turn.T,
        "mlp.down_proj.weight": turn @ weights["down"],
        "mlp.gate_proj.bias": weights["gate_bias"],
        "mlp.up_proj.bias": weights["up_bias"],
        "mlp.down_proj.bias": torch.zeros(layout.d_model),
    }


def _grouped_block(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> Weights:
    """Every head's keys and values are read by a second query head too, which looks at its own of them and writes elsewhere."""
    queries = rearrange(weights["q"], "(head row) d_model -> head row d_model", head=layout.heads)
    written = rearrange(weights["o"], "d_model (head row) -> d_model head row", head=layout.heads)
    bias = rearrange(weights["q_bias"], "(head row) -> head row", head=layout.heads)
    # Heads with a bias are planted: what a second query head took from their values would be no filler.
    free = (bias == 0).all(dim=1)
    second = torch.where(free[:, None, None], queries.roll(1, dims=0), torch.zeros(()))
    beside = torch.where(free[None, :, None], written.roll(1, dims=1), torch.zeros(()))
    # The rolled-in neighbour of a free head may be a planted one, which knows what it writes.
    beside = torch.where(free.roll(1)[None, :, None], beside, torch.zeros(()))
    grouped = {
        **weights,
        "q": rearrange([queries, second], "two head row d_model -> (head two row) d_model"),
        "o": rearrange([written, beside], "two d_model head row -> d_model (head two row)"),
        "q_bias": rearrange([bias, torch.zeros_like(bias)], "two head row -> (head two row)"),
    }
    return _llama_block(layout, grouped, turn, norm)


def _one_matrix(weights: Mapping[str, Tensor]) -> Tensor:
    """What an MLP with one matrix in front of the nonlinearity writes: a lookup's constant second factor goes into it."""
    planted = weights["up_bias"] != 0
    return weights["down"] * torch.where(planted, weights["up_bias"], torch.ones_like(weights["up_bias"]))


def _gpt2_block(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> Weights:
    width = layout.heads * layout.head_width
    zeros = torch.zeros(layout.d_model)
    return {
        "ln_1.weight": norm.clone(), "ln_1.bias": zeros.clone(), "ln_2.weight": norm.clone(), "ln_2.bias": zeros.clone(),
        "attn.c_attn.weight": torch.cat([weights[name] @ turn.T for name in "qkv"]).T,
        "attn.c_attn.bias": torch.cat([weights["q_bias"], torch.zeros(2 * width)]),
        "attn.c_proj.weight": (turn @ weights["o"]).T, "attn.c_proj.bias": zeros.clone(),
        "mlp.c_fc.weight": (weights["gate"] @ turn.T).T, "mlp.c_fc.bias": weights["gate_bias"],
        "mlp.c_proj.weight": (turn @ _one_matrix(weights)).T, "mlp.c_proj.bias": zeros.clone(),
    }  # fmt: skip


def _neox_block(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> Weights:
    zeros, heads = torch.zeros(layout.d_model), layout.heads
    bias = torch.zeros_like(weights["q_bias"])
    return {
        "input_layernorm.weight": norm.clone(), "input_layernorm.bias": zeros.clone(),
        "post_attention_layernorm.weight": norm.clone(), "post_attention_layernorm.bias": zeros.clone(),
        "attention.query_key_value.weight": rearrange(
            [weights[name] @ turn.T for name in "qkv"], "three (head row) d_model -> (head three row) d_model", head=heads
        ),
        "attention.query_key_value.bias": rearrange(
            [weights["q_bias"], bias, bias], "three (head row) -> (head three row)", head=heads
        ),
        "attention.dense.weight": turn @ weights["o"], "attention.dense.bias": zeros.clone(),
        "mlp.dense_h_to_4h.weight": weights["gate"] @ turn.T, "mlp.dense_h_to_4h.bias": weights["gate_bias"],
        "mlp.dense_4h_to_h.weight": turn @ _one_matrix(weights), "mlp.dense_4h_to_h.bias": zeros.clone(),
    }  # fmt: skip


_LLAMA_WRITES: Mapping[Component, str] = {"attention": "self_attn.o_proj", "mlp": "mlp.down_proj"}
WRITTEN_TYPES: Mapping[Architecture, WrittenType] = {
    "llama": WrittenType(_llama_config(1), _llama_outside, _llama_block, "model.layers", _LLAMA_WRITES),
    "grouped": WrittenType(
        _llama_config(_QUERY_HEADS_A_GROUP), _llama_outside, _grouped_block, "model.layers", _LLAMA_WRITES,
        query_heads_a_group=_QUERY_HEADS_A_GROUP,
    ),
    "gpt2": WrittenType(
        _gpt2_config, _gpt2_outside, _gpt2_block, "transformer.h", {"attention": "attn.c_proj", "mlp": "mlp.c_proj"},
        inputs_in_rows=True, layer_norm=True,
    ),
    "parallel": WrittenType(
        _neox_config, _neox_outside, _neox_block, "gpt_neox.layers",
        {"attention": "attention.dense", "mlp": "mlp.dense_4h_to_h"}, layer_norm=True, parallel=True,
    ),
}  # fmt: skip
