"""What size are the models this instrument was built to compare? Known without a file of theirs, as their makers published it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from strata.probes.checkpoints.known_model_pairs import known_pair
from strata.probes.checkpoints.short_names import KNOWN

Setting = str | float | bool


@dataclass(frozen=True)
class PublishedShape:
    """The numbers of a config.json that decide memory and work."""

    model_type: Literal["qwen2", "llama"]
    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_mlp: int
    vocab_size: int
    tied: bool
    """Whether the unembedding is the embedding."""
    context: int
    """Positions that the configuration allows."""
    rope_theta: float

    @property
    def head_size(self) -> int:
        return self.d_model // self.n_heads

    @property
    def body_parameters(self) -> int:
        """Of the blocks: what every token passes."""
        kv = self.n_kv_heads * self.head_size
        attention = 2 * self.d_model**2 + 2 * self.d_model * kv
        biases = self.d_model + 2 * kv if self.model_type == "qwen2" else 0
        return self.n_layers * (attention + biases + 3 * self.d_model * self.d_mlp + 2 * self.d_model)

    @property
    def parameters(self) -> int:
        """Of the whole model."""
        tables = 1 if self.tied else 2
        return self.body_parameters + tables * self.vocab_size * self.d_model + self.d_model

    @property
    def kv_numbers(self) -> int:
        """Numbers that a token leaves in the cache of keys and values."""
        return 2 * self.n_layers * self.n_kv_heads * self.head_size

    @property
    def settings(self) -> dict[str, Setting]:
        """For transformers' configuration of this type."""
        return {
            "model_type": self.model_type, "hidden_size": self.d_model, "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads, "num_key_value_heads": self.n_kv_heads, "intermediate_size": self.d_mlp,
            "vocab_size": self.vocab_size, "tie_word_embeddings": self.tied, "max_position_embeddings": self.context,
            "rope_theta": self.rope_theta, "rms_norm_eps": 1e-6 if self.model_type == "qwen2" else 1e-5,
        }  # fmt: skip


def _qwen(  # nine parameters: the columns of the table below
    layers: int,
    width: int,
    heads: int,
    kv: int,
    mlp: int,
    vocab: int,
    context: int,
    theta: float,
    *,
    tied: bool = False,
) -> PublishedShape:
    return PublishedShape("qwen2", layers, width, heads, kv, mlp, vocab, tied, context, theta)


def _llama(layers: int, width: int, heads: int, mlp: int) -> PublishedShape:
    return PublishedShape("llama", layers, width, heads, 8, mlp, 128_256, False, 131_072, 5e5)


_LLAMA_8B, _LLAMA_70B = _llama(32, 4096, 32, 14_336), _llama(80, 8192, 64, 28_672)
SHAPES: Mapping[str, PublishedShape] = MappingProxyType(
    {
        "Qwen/Qwen2.5-1.5B": _qwen(28, 1536, 12, 2, 8960, 151_936, 131_072, 1e6, tied=True),
        "Qwen/Qwen2.5-Math-1.5B": _qwen(28, 1536, 12, 2, 8960, 151_936, 4096, 1e4, tied=True),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": _qwen(28, 1536, 12, 2, 8960, 151_936, 131_072, 1e4),
        "Qwen/Qwen2.5-7B": _qwen(28, 3584, 28, 4, 18_944, 152_064, 131_072, 1e6),
        "Qwen/Qwen2.5-Math-7B": _qwen(28, 3584, 28, 4, 18_944, 152_064, 4096, 1e4),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B": _qwen(28, 3584, 28, 4, 18_944, 152_064, 131_072, 1e4),
        "Qwen/Qwen2.5-14B": _qwen(48, 5120, 40, 8, 13_824, 152_064, 131_072, 1e6),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": _qwen(48, 5120, 40, 8, 13_824, 152_064, 131_072, 1e6),
        "Qwen/Qwen2.5-32B": _qwen(64, 5120, 40, 8, 27_648, 152_064, 131_072, 1e6),
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": _qwen(64, 5120, 40, 8, 27_648, 152_064, 131_072, 1e6),
        "meta-llama/Llama-3.1-8B": _LLAMA_8B,
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": _LLAMA_8B,
        "meta-llama/Llama-3.3-70B-Instruct": _LLAMA_70B,
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": _LLAMA_70B,
    }
)
"""By hub id: config.json of each as published on the hub."""
_BY_LOWER = {hub_id.lower(): shape for hub_id, shape in SHAPES.items()}


def published_shape(spec: str) -> PublishedShape | None:
    """The shape of a hub id or a short name in any case of letters; None for any other checkpoint.

    What the registry of pairs says was trained further has the shape of its base, unless it has an entry of its own.
    """
    hub_id = KNOWN.get(spec.lower(), spec)
    shape = _BY_LOWER.get(hub_id.lower())
    pair = known_pair(hub_id) if shape is None else None
    return shape if pair is None else published_shape(pair.base)
