"""How do weights in the planted basis become a Hugging Face checkpoint of the Llama or the GPT-2 type?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from strata.experiments.calibrate.weight_writing import ANCHOR, ROPE_THETA, Component, Layout

Architecture = Literal["llama", "gpt2"]
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


def tokenizer(vocabulary: Sequence[str]) -> Any:
    """One token a word, `<s>` before every text: attention that finds nothing looks there."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: index for index, word in enumerate(vocabulary)}
    core = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", ids["<s>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def config(architecture: Architecture, layout: Layout, n_layers: int, vocabulary: Sequence[str]) -> Any:
    """The Hugging Face configuration."""
    from transformers import GPT2Config, LlamaConfig

    ids = {"pad_token_id": vocabulary.index("<pad>"), "bos_token_id": vocabulary.index("<s>"), "eos_token_id": vocabulary.index("</s>")}  # fmt: skip
    if architecture == "gpt2":
        return GPT2Config(
            architectures=["GPT2LMHeadModel"], dtype="float32", vocab_size=len(vocabulary), n_embd=layout.d_model,
            n_inner=layout.neurons, n_layer=n_layers, n_head=layout.heads, n_positions=64, tie_word_embeddings=False,
            layer_norm_epsilon=1e-6, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **ids,
        )  # fmt: skip
    return LlamaConfig(
        architectures=["LlamaForCausalLM"], dtype="float32", vocab_size=len(vocabulary), hidden_size=layout.d_model,
        intermediate_size=layout.neurons, num_hidden_layers=n_layers, num_attention_heads=layout.heads,
        num_key_value_heads=layout.heads, head_dim=layout.head_width, max_position_embeddings=64, attention_bias=True,
        mlp_bias=True, tie_word_embeddings=False, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, **ids,
    )  # fmt: skip


def turned(layout: Layout, generator: torch.Generator, *, flat: str | None = None) -> Float[Tensor, "d_model d_model"]:
    """A random rotation of the stream. `flat`: a one-entry slot that becomes the direction of equal entries."""
    if flat is None:
        return torch.linalg.qr(torch.randn(layout.d_model, layout.d_model, generator=generator, dtype=torch.float64))[0].float()  # fmt: skip
    # The first column of the orthogonal factor is the direction of equal entries, which layer norm removes.
    matrix = torch.randn(layout.d_model, layout.d_model, generator=generator, dtype=torch.float64)
    matrix[:, 0] = 1.0
    turn = torch.linalg.qr(matrix)[0].float()
    order = [*range(1, layout.d_model)]
    order.insert(layout.entry(flat), 0)
    return turn[:, order].contiguous()


def state_dict(
    architecture: Architecture,
    layout: Layout,
    embedding: Float[Tensor, "vocab d_model"],
    unembedding: Float[Tensor, "vocab d_model"],
    blocks: Sequence[Mapping[str, Tensor]],
    turn: Float[Tensor, "d_model d_model"],
) -> dict[str, Tensor]:
    """Weights in the planted basis, turned and named as Hugging Face names them."""
    # One norm weight throughout commutes with the rotation, and this weight undoes the norm's scale.
    norm = torch.full((layout.d_model,), ANCHOR / layout.d_model**0.5)
    if architecture == "gpt2":
        state = {
            "transformer.wte.weight": embedding @ turn.T,
            "transformer.wpe.weight": torch.zeros(64, layout.d_model),
            "transformer.ln_f.weight": norm, "transformer.ln_f.bias": torch.zeros(layout.d_model),
            "lm_head.weight": unembedding @ turn.T,
        }  # fmt: skip
        named, prefix = _gpt2, "transformer.h"
    else:
        state = {
            "model.embed_tokens.weight": embedding @ turn.T,
            "lm_head.weight": unembedding @ turn.T,
            "model.norm.weight": norm,
        }
        named, prefix = _llama, "model.layers"
    for number, weights in enumerate(blocks):
        state.update(
            {f"{prefix}.{number}.{name}": tensor for name, tensor in named(layout, weights, turn, norm).items()}
        )
    return {name: tensor.contiguous() for name, tensor in state.items()}


def writing_matrix(
    architecture: Architecture, state: Mapping[str, Tensor], block: int, component: Component
) -> Float[Tensor, "d_model column"]:
    """What a block's attention or MLP writes to the stream with: a view, so that changes of it change the model."""
    if architecture == "gpt2":
        names = {"attention": "attn.c_proj", "mlp": "mlp.c_proj"}
        return state[f"transformer.h.{block}.{names[component]}.weight"].T
    names = {"attention": "self_attn.o_proj", "mlp": "mlp.down_proj"}
    return state[f"model.layers.{block}.{names[component]}.weight"]


def write_checkpoint(directory: Path, settings: Any, words: Any, state: Mapping[str, Tensor]) -> None:
    settings.save_pretrained(directory)
    words.save_pretrained(directory)
    save_file(dict(state), directory / "model.safetensors", metadata={"format": "pt"})


def _llama(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> dict[str, Tensor]:
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


def _gpt2(layout: Layout, weights: Mapping[str, Tensor], turn: Tensor, norm: Tensor) -> dict[str, Tensor]:
    """One matrix in front of the nonlinearity: a lookup's constant second factor goes into what it writes."""
    width = layout.heads * layout.head_width
    planted = weights["up_bias"] != 0
    factor = torch.where(planted, weights["up_bias"], torch.ones_like(weights["up_bias"]))
    zeros = torch.zeros(layout.d_model)
    return {
        "ln_1.weight": norm.clone(), "ln_1.bias": zeros.clone(), "ln_2.weight": norm.clone(), "ln_2.bias": zeros.clone(),
        "attn.c_attn.weight": torch.cat([weights[name] @ turn.T for name in "qkv"]).T,
        "attn.c_attn.bias": torch.cat([weights["q_bias"], torch.zeros(2 * width)]),
        "attn.c_proj.weight": (turn @ weights["o"]).T, "attn.c_proj.bias": zeros.clone(),
        "mlp.c_fc.weight": (weights["gate"] @ turn.T).T, "mlp.c_fc.bias": weights["gate_bias"],
        "mlp.c_proj.weight": (turn @ (weights["down"] * factor)).T, "mlp.c_proj.bias": zeros.clone(),
    }  # fmt: skip
