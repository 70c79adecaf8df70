"""Tiny checkpoints on disk, in the formats people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_models import tiny_model, tiny_tokenizer
from torch import Tensor


def save_directory(directory: Path, architecture: str = "llama", *, shard: str = "5GB", **options: Any) -> Path:
    """A Hugging Face directory; `shard` is the largest size of one file."""
    tiny_model(architecture, **options).save_pretrained(directory, max_shard_size=shard)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def save_gguf(file: Path, seed: int = 0) -> Any:
    """Writes a float32 Llama as GGUF, as llama.cpp lays it out, and returns the model it holds."""
    from gguf import GGUFWriter

    model = tiny_model("llama", seed=seed)
    config = model.config
    tokens = ["<unk>", "<s>", "</s>", *(chr(code) for code in range(33, 33 + config.vocab_size - 4)), "!!"]
    writer = GGUFWriter(str(file), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["! !"])
    writer.add_token_types([3, 3, 3, *[1] * (len(tokens) - 3)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    for layer in range(config.num_hidden_layers):
        names |= {f"model.layers.{layer}.{hf_name}": f"blk.{layer}.{gguf_name}" for hf_name, gguf_name in parts.items()}
    state = model.state_dict()
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for hf_name, gguf_name in names.items():
        weight: Tensor = state[f"{hf_name}.weight"]
        if hf_name.endswith(("q_proj", "k_proj")):
            weight = _interleaved(weight, heads[hf_name.rpartition(".")[2]])
        writer.add_tensor(f"{gguf_name}.weight", weight.numpy().astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def _interleaved(weight: Tensor, heads: int) -> Tensor:
    """llama.cpp rotates neighbouring rows, Hugging Face halves of a head."""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width).contiguous()


def logits_of(model: Any, ids: tuple[int, ...]) -> Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0]
