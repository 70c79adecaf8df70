"""What is the smallest configuration of an architecture that still has all its kinds of blocks?

Every configuration class spells its sizes in its own way, so the default one is read and each number whose name says what
it measures is made small. Lists with one entry a block keep each kind of block once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strata.probes.foreign_types import ForeignJson, ForeignKwargs

N_LAYERS = 4
_N_HEADS = 4
VOCAB_SIZE = 80
WINDOW = 8
"""Shorter than the prompts, so that a forgotten sliding mask shows."""
TRAINED_LENGTH = 24
"""At which rope types that stretch with the prompt begin to do so: some of the prompts are shorter, some longer."""
MAX_LENGTH = 128

_EXACT: ForeignJson = {
    "vocab_size": VOCAB_SIZE, "initializer_range": 0.2, "init_std": 0.2, "embedding_initializer_range": 0.2,
    "sliding_window": WINDOW, "sliding_window_size": WINDOW, "window_size": WINDOW, "attention_window_size": WINDOW,
    "local_attention": WINDOW, "attention_chunk_size": WINDOW, "keep_window_size": 64, "floor_scale": WINDOW,
    "log_scaling_n_floor": WINDOW, "rel_extent": 16, "d_rel": 4,
    "original_max_position_embeddings": TRAINED_LENGTH, "context_length": MAX_LENGTH,
    "num_key_value_heads": 2, "num_kv_heads": 2, "swa_num_key_value_heads": 2, "head_dim": 8, "swa_head_dim": 8,
    "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "qk_head_dim": 16, "v_head_dim": 8, "rotary_dim": 8, "dim_head": 8,
    "attention_head_size": 8, "attention_head_dim": 16, "d_head": 8, "query_pre_attn_scalar": 8, "kv_channels": 8, "index_head_dim": 8,
    "index_n_heads": 16, "index_topk": 16, "q_lora_rank": 16, "kv_lora_rank": 16, "o_lora_rank": 16, "o_groups": 2, "gated_norm_rank": 8,
    "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24, "shared_experts_intermediate_size": 24,
    "expert_ffn_hidden_size": 24, "moe_shared_expert_intermediate_size": 24,
    "n_group": 1, "topk_group": 1, "num_expert_group": 1, "n_groups": 1,
    "num_experts_per_tok": 2, "num_experts_per_token": 2, "moe_topk": 2, "moe_k": 2, "zero_expert_num": 2,
    "first_k_dense_replace": 1, "num_dense_layers": 1, "moe_layer_start_index": 1, "moe_layer_end_index": 3,
    "max_window_layers": 2, "num_kv_shared_layers": 0, "num_nextn_predict_layers": 0, "num_codebooks": 2,
    "mamba_d_state": 8, "ssm_state_size": 8, "state_size": 8, "mamba_d_head": 16, "mamba_n_heads": 4, "mamba_d_ssm": 64,
    "mamba_num_heads": 4, "mamba_head_dim": 16, "mamba_headdim": 16, "n_mamba_heads": 2, "mamba_dt_rank": 4, "time_step_rank": 4,
    "mamba_chunk_size": 16, "chunk_size": 16, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "linear_num_heads": 4, "linear_head_dim": 8, "lru_width": 32, "kda_lower_bound": -5.0,
    "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": VOCAB_SIZE, "laurel_rank": 8, "block_multiple_of": 8,
    "num_buckets": 8, "relative_max_distance": 16, "position_bias_num_buckets": 8, "position_bias_max_distance": 64,
    "axial_pos_shape": [8, 16], "axial_pos_embds_dim": [16, 16], "lsh_attn_chunk_length": 8, "local_attn_chunk_length": 8, "block_size": 8,
    "hc_mult": 2, "hc_count": 2, "hc_lowrank": 8, "ple_embed_dim": 16, "ngram_vocab_size_base": 100, "split_ngram_parts": 4,
    "num_layers_per_stack": 2, "adapter_rank": 8, "router_hidden_size": 16, "num_query_groups": 2, "num_mem_blocks": 1,
    "ffn_round_up_to_multiple_of": 8, "dim_model_base": 16, "index_block_size": 8, "index_topk_blocks": 2, "max_source_positions": 64,
    "pronunciation_embed_dim": 8, "pronunciation_vocab_size": VOCAB_SIZE, "shape_embed_dim": 8, "shape_vocab_size": VOCAB_SIZE,
    "prompt_mid_dim": 16, "is_decoder": True, "unpadded_vocab_size": VOCAB_SIZE, "logits_mup_width_multiplier": 1.5, "n_layers_per_attn_res_block": 2,
    "decoder_vocab_size": VOCAB_SIZE, "full_attn_idxs": None, "hybrid_layer_ids": [1, 3], "moe_layers": None,
    "cross_attention_layers": [], "mlp_only_layers": [0], "attn_layer_period": 2, "attn_layer_offset": 1,
    "global_attn_every_n_layers": 2, "layer_group_size": 2, "num_hash_layers": 1, "image_size": 32, "patch_size": 8,
}  # fmt: skip
_NEEDED = frozenset({"head_dim", "num_key_value_heads", "moe_intermediate_size"})
"""Given where the default is None as well: some models can't be built without."""
_WIDTHS = frozenset(
    {"hidden_size", "d_model", "n_embd", "emb_dim", "embedding_dim", "embedding_size", "word_embed_proj_dim", "output_dim"}
    | {"input_embedding_size", "output_embedding_size", "attention_hidden_size", "text_hidden_size", "projection_dim"}
)  # fmt: skip
_INNER = frozenset(
    {"intermediate_size", "intermediate_size_mlp", "dense_intermediate_size", "shared_intermediate_size", "n_inner", "dff"}
    | {"ffn_dim", "ffn_hidden_size", "feed_forward_size", "dim_ff", "d_inner", "encoder_ffn_dim", "decoder_ffn_dim"}
)  # fmt: skip
_DEPTHS = frozenset(
    {"num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "num_blocks", "depth"}
    | {"num_encoder_layers", "num_decoder_layers"}
)  # fmt: skip
_HEADS = frozenset(
    {"num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "swa_num_attention_heads"}
    | {"encoder_attention_heads", "decoder_attention_heads", "num_encoder_attention_heads", "num_decoder_attention_heads"}
)  # fmt: skip
_EXPERTS = frozenset({"num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"})
_LENGTHS = frozenset(
    {"max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "model_max_length", "max_target_positions"}
)


def tiny_settings(config: Any) -> ForeignJson:
    """Keyword arguments that make a small model of the class of `config`, a default configuration."""
    settings: ForeignKwargs = {}
    own = {name: value for name, value in vars(config).items() if not name.startswith("_")}
    depth = next((own[name] for name in sorted(_DEPTHS) if isinstance(own.get(name), int)), None)
    depth = depth or getattr(config, "num_hidden_layers", None)
    for name, value in own.items():
        small = _small(name, value, depth)
        if small is not None:
            settings[name] = small[0]
    if "kv_lora_rank" in settings and "num_key_value_heads" in settings:
        settings["num_key_value_heads"] = _N_HEADS  # latent attention has no groups
    for name in getattr(config, "sub_configs", {}) or {}:
        inner: Any = getattr(config, name, None)
        if hasattr(inner, "to_dict"):
            own_rules = OVERRIDES.get(inner.model_type, {})
            settings[name] = {**tiny_settings(inner), **own_rules, "model_type": inner.model_type}
    return settings


def _small(name: str, value: Any, depth: int | None) -> tuple[Any] | None:
    """The value in a box; None where the default is left as it is."""
    if name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        return (("pad_token_id", "bos_token_id", "eos_token_id").index(name),)
    if name.endswith("token_id") and isinstance(value, int) and value >= VOCAB_SIZE:
        return (3,)
    if isinstance(value, (list, tuple)) and depth and len(value) == depth and name not in _EXACT:
        return (_per_block(name, value),)
    if name in _EXACT:
        return None if value is None and name not in _NEEDED else (_EXACT[name],)
    if name == "rope_parameters" and isinstance(value, Mapping):
        return (_short_rope(value),)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    for names, size in (
        (_WIDTHS, 32), (_INNER, 48), (_DEPTHS, N_LAYERS), (_HEADS, _N_HEADS), (_EXPERTS, 4), (_LENGTHS, MAX_LENGTH),
    ):  # fmt: skip
        if name in names:
            return (size,)
    return None


def _per_block(name: str, values: Sequence[Any]) -> list[Any]:
    """Each kind once, in the order in which they come, then over again."""
    if all(isinstance(value, int) and not isinstance(value, bool) and value > 8 for value in values):
        # Heads or widths of each block: two sizes, if there are two.
        sizes = sorted(set(values))
        values = [4 if value == sizes[-1] else 2 for value in values]
        return list(values[:N_LAYERS])
    kinds = list(dict.fromkeys(map(_hashable, values)))
    return [kinds[index % len(kinds)] for index in range(N_LAYERS)]


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _short_rope(value: ForeignJson) -> ForeignJson:
    small: ForeignKwargs = {}
    for name, setting in value.items():
        if isinstance(setting, Mapping):
            small[name] = _short_rope(setting)
        elif name == "original_max_position_embeddings":
            small[name] = TRAINED_LENGTH
        else:
            small[name] = setting
    return small


_ROPE: ForeignJson = {"rope_type": "default", "rope_theta": 10000.0}
_LONG_ROPE: ForeignJson = {
    "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": TRAINED_LENGTH,
    "short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [1.0, 3.0, 8.0, 20.0],
}  # fmt: skip
OVERRIDES: Mapping[str, ForeignJson] = {
    "bamba": {"attn_layer_indices": [1, 3]},
    "blt": {"encoder_hash_byte_group_vocab": 50},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROPE, "sliding_attention": _ROPE}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8, "rope_theta": 10000.0},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1},
    "dots3_note": {"num_key_value_heads": _N_HEADS},
    "dots3_note_text": {"num_key_value_heads": _N_HEADS},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"]},
    "lfm2": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "mamba2": {"num_heads": 4, "head_dim": 16},
    "qwen4_exp_text": {
        "indexer_budget": 16,
        "indexer_compress_ratio": 4,
        "indexer_n_heads": 4,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
    },
    "xlstm": {"hidden_size": 64, "embedding_dim": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 64},
    "zamba2": {"attention_hidden_size": 64, "num_key_value_heads": _N_HEADS, "n_mamba_heads": 4},
    "zaya": {"num_experts_per_tok": 1},
}
"""What the general rules can't know, by model type."""
VARIANTS: Mapping[str, tuple[str, ForeignJson]] = {
    "llama (dynamic rope)": ("llama", {"max_position_embeddings": TRAINED_LENGTH, "rope_parameters": {**_ROPE, "rope_type": "dynamic", "factor": 4.0}}),
    "phi3 (long rope)": ("phi3", {"rope_parameters": _LONG_ROPE}),
    "phimoe (long rope)": ("phimoe", {"rope_parameters": {**_LONG_ROPE, "short_mscale": 1.1, "long_mscale": 1.3}}),
}  # fmt: skip
"""Configurations of a type that the default one doesn't show: name -> (model type, fields)."""
