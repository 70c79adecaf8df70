"""Can config.json be a language model's? Told from its own numbers, before a library builds what they ask for.

A configuration of a thousand million blocks costs the library that reads it more memory than there is, and no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson

_REMEDY = "Use the config.json that belongs to the weights"
_MOST: tuple[tuple[re.Pattern[str], int], ...] = tuple(
    (re.compile(pattern), most)
    for pattern, most in (
        (r"^(num_hidden_layers|n_layers?|num_layers|max_window_layers|num_decoder_layers)$", 10_000),
        (r"^(num_attention_heads|n_heads?|num_heads|num_key_value_heads|num_kv_heads|n_head_kv)$", 1 << 16),
        (r"^(head_dim|qk_\w*_dim|v_head_dim|kv_channels|rotary_dim|q_lora_rank|kv_lora_rank)$", 1 << 16),
        (r"^(hidden_size|n_embd|d_model|model_dim|word_embed_proj_dim)$", 1 << 20),
        (r"^(num_experts|num_local_experts|n_routed_experts|n_shared_experts|num_experts_per_tok)$", 1 << 16),
        (r"^(intermediate_size|n_inner|ffn_dim|d_ff|moe_intermediate_size|ffn_hidden_size)$", 1 << 24),
        (r"^vocab_size$", 1 << 26),
        (
            r"^(max_position_embeddings|n_positions|n_ctx|max_seq_len|seq_length|original_max_position_embeddings)$",
            1 << 31,
        ),
        (r"^sliding_window$", 1 << 31),
    )
)
"""Names of counts with the most that they may be: some ten times what the largest published model has."""
_NEEDED = re.compile(
    r"^(num_hidden_layers|n_layers?|num_layers|num_attention_heads|n_heads?|hidden_size|n_embd|d_model|vocab_size)$"
)
"""Of these there is at least one."""
_KINDS: Mapping[str, tuple[type, ...]] = {
    "model_type": (str,),
    "architectures": (list,),
    "auto_map": (dict,),
    "text_config": (dict,),
    "layer_types": (list,),
    "tie_word_embeddings": (bool,),
    "torch_dtype": (str,),
    "dtype": (str, dict),
}
_NESTED = ("text_config", "llm_config")


def refuse_impossible(file: Path, config: ForeignJson) -> None:
    """Raises StrataError when a field of `config`, read from `file`, is of another type or size than any model's."""
    for name, value in _fields(config):
        short = name.rpartition(".")[2]
        kinds = _KINDS.get(short)
        if value is not None and kinds is not None and not isinstance(value, kinds):
            raise StrataError(f"{file}: {name} is {_shown(value)}, which it can't be", _REMEDY)
        if short == "architectures" and any(not isinstance(entry, str) for entry in value or ()):
            raise StrataError(f"{file}: {name} holds what is no name", _REMEDY)
        most = next((most for pattern, most in _MOST if pattern.match(short)), None)
        if most is None:
            continue
        for count in value if isinstance(value, list) else [value]:
            _refuse_count(file, name, count, least=1 if _NEEDED.match(short) else 0, most=most)


def _refuse_count(file: Path, name: str, count: Any, *, least: int, most: int) -> None:
    if count is None or isinstance(count, dict) or (count == -1 and least == 0):
        return
    if isinstance(count, bool) or not isinstance(count, int):
        raise StrataError(f"{file}: {name} is {_shown(count)}, not a whole number", _REMEDY)
    if not least <= count <= most:
        raise StrataError(f"{file}: {name} is {_shown(count)}, and may be from {least} to {most:,}", _REMEDY)


def _fields(config: ForeignJson) -> Iterator[tuple[str, Any]]:
    yield from config.items()
    for part in _NESTED:
        inner = config.get(part)
        if isinstance(inner, dict):
            yield from ((f"{part}.{name}", value) for name, value in inner.items())


def _shown(value: Any) -> str:
    """A value in a sentence."""
    text = (
        repr(value)
        if not isinstance(value, int) or abs(value) < 10**30
        else f"a number of {len(str(abs(value)))} digits"
    )
    return text if len(text) <= 60 else f"{text[:60]}…"
