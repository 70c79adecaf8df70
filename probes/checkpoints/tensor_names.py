"""Which block and which matrix does a stored tensor's name stand for, whatever the architecture calls it?"""

from __future__ import annotations

import re
from typing import Literal, get_args

Part = Literal[
    "q", "k", "v", "qkv", "o", "gate", "up", "gate_up", "down", "router", "norms", "biases", "other",
    "embedding", "positions", "final_norm", "unembedding",
]  # fmt: skip
PARTS: tuple[str, ...] = get_args(Part)
"""In the order in which tables show them."""

_WRAPPERS = ("base_model.model.", "model.", "transformer.", "gpt_neox.", "language_model.")
_BLOCK = re.compile(r"^(?:.*\.)?(?:layers|h|blocks|block)\.(\d+)\.(.+)$")
_CONSTANT = re.compile(
    r"(rotary_emb\.(inv_freq|cos_cached|sin_cached)|(^|\.)(attn|attention)\.bias|\.masked_bias|(^|\.)position_ids)$"
)
_UNEMBEDDING = "lm_head.weight"
_EMBEDDING = ("embed_tokens", "wte", "embed_in", "word_embeddings")
_POSITIONS = ("wpe", "embed_positions")
_IN_BLOCK: dict[str, Part] = {
    "q_proj": "q", "k_proj": "k", "v_proj": "v", "o_proj": "o", "out_proj": "o",
    "c_attn": "qkv", "qkv_proj": "qkv", "query_key_value": "qkv", "attn.c_proj": "o", "attention.dense": "o",
    "self_attention.dense": "o", "self_attn.dense": "o",
    "gate_proj": "gate", "up_proj": "up", "down_proj": "down", "gate_up_proj": "gate_up",
    "w1": "gate", "w3": "up", "w2": "down",
    "c_fc": "up", "mlp.c_proj": "down", "fc1": "up", "fc2": "down", "fc_in": "up", "fc_out": "down",
    "dense_h_to_4h": "up", "dense_4h_to_h": "down", "mlp.gate": "router", "block_sparse_moe.gate": "router",
}  # fmt: skip


def canonical_name(stored: str) -> str:
    """`stored` without the wrappers in front, so that a body saved alone and a whole model go by the same names."""
    if stored == "embed_out.weight":  # how GPT-NeoX is stored, and no longer what it is called
        return _UNEMBEDDING
    shorter = next((stored.removeprefix(wrapper) for wrapper in _WRAPPERS if stored.startswith(wrapper)), stored)
    return shorter if shorter == stored else canonical_name(shorter)


def is_constant(name: str) -> bool:
    """True for masks and rotary tables that older versions stored beside the weights."""
    return _CONSTANT.search(name) is not None


def is_unembedding(name: str) -> bool:
    """True for the matrix that turns the last stream into logits (canonical name)."""
    return name == _UNEMBEDDING


def is_embedding(name: str) -> bool:
    """True for the token embedding (canonical name)."""
    return part_of(name) == (None, "embedding")


def part_of(name: str) -> tuple[int | None, Part]:
    """(block or None outside of the blocks, what it is) of a canonical name.

    Fused matrices stay fused (`qkv`, `gate_up`). The experts of a mixture go by the names of a plain MLP.
    """
    match = _BLOCK.match(name)
    if match is None:
        return None, _outside(name)
    block, rest = int(match[1]), match[2]
    module, _, kind = rest.rpartition(".")
    if "norm" in module or re.search(r"(^|\.)ln_\d+$", module):
        return block, "norms"
    if kind == "bias":
        return block, "biases"
    names = module.split(".")
    last_two, last = ".".join(names[-2:]), names[-1]
    return block, _IN_BLOCK.get(last_two) or _IN_BLOCK.get(last) or _IN_BLOCK.get(kind) or "other"


def _outside(name: str) -> Part:
    module, _, kind = name.rpartition(".")
    last = module.rpartition(".")[2]
    if is_unembedding(name):
        return "unembedding"
    if last in _EMBEDDING:
        return "embedding"
    if last in _POSITIONS:
        return "positions"
    if "norm" in last or last == "ln_f":
        return "final_norm"
    return "biases" if kind == "bias" else "other"
