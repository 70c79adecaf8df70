"""Do two checkpoints have the same shape? What their configurations say differently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.probes.checkpoints.config_file import stated_config
from strata.probes.checkpoints.identity import without_asides
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson

_SHAPE = {
    "model_type": "architecture",
    "num_hidden_layers": "blocks",
    "hidden_size": "width",
    "intermediate_size": "MLP width",
    "num_attention_heads": "attention heads",
    "num_key_value_heads": "key-value heads",
    "head_dim": "head width",
}
_SETTINGS = {
    "vocab_size": "vocabulary rows",
    "tie_word_embeddings": "tied unembedding",
    "max_position_embeddings": "longest context",
    "sliding_window": "sliding window",
    "hidden_act": "activation",
    "rms_norm_eps": "norm epsilon",
}
_NOT_COMPUTED = frozenset(
    [
        "architectures",
        "bos_token_id",
        "eos_token_id",
        "pad_token_id",
        "use_cache",
        "initializer_range",
        "pretraining_tp",
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "attention_dropout",
        "attn_dropout",
        "attn_pdrop",
        "embd_dropout",
        "embd_pdrop",
        "hidden_dropout",
        "resid_dropout",
        "resid_pdrop",
        "dropout",
        "id2label",
        "label2id",
        "problem_type",
        "chunk_size_feed_forward",
        "is_encoder_decoder",
    ]
)
"""Settings of training, decoding and output, which leave logits as they are."""


@dataclass(frozen=True)
class ArchitectureDifference:
    what: str
    """As a sentence."""
    a: Any
    """Value in A."""
    b: Any
    """Value in B."""
    shape: bool
    """True where further training can't have changed it; the others are settings."""


def architecture_differences(a: Path, b: Path) -> tuple[ArchitectureDifference, ...]:
    """What the config.json of two directories say differently, shapes first. Raises StrataError for an unreadable one."""
    return config_differences(*(_text_config(directory) for directory in (a, b)))


def config_differences(a: Any, b: Any) -> tuple[ArchitectureDifference, ...]:
    """The same of two configurations of transformers, each that of the language model itself."""
    first, second = _facts(a), _facts(b)
    shapes = set(_SHAPE.values())
    return tuple(
        ArchitectureDifference(what, first.get(what), second.get(what), what in shapes)
        for what in dict.fromkeys([*first, *second])
        if first.get(what) != second.get(what)
    )


def _text_config(directory: Path) -> Any:
    config = stated_config(directory).get_text_config()
    if isinstance(config, dict):
        raise StrataError(
            f"{directory}/config.json holds a text_config that its model type doesn't have",
            "Use the config.json that belongs to the weights",
        )
    return config


def _facts(config: Any) -> ForeignJson:
    named = {**_SHAPE, **_SETTINGS}
    stated = {name: getattr(config, name, None) for name in named}
    # Left unsaid they follow from the others, and further training often saves them outright.
    heads, width = stated["num_attention_heads"], stated["hidden_size"]
    stated["num_key_value_heads"] = stated["num_key_value_heads"] or heads
    if heads and width:
        stated["head_dim"] = stated["head_dim"] or width // heads
    facts = {what: stated[name] for name, what in named.items()}
    rope = getattr(config, "rope_parameters", None) or {}
    facts |= {name: value for name, value in _rest(config).items() if name not in facts}
    facts["rope theta"] = rope.get("rope_theta", getattr(config, "rope_theta", None))
    facts["rope kind"] = rope.get("rope_type")
    return facts


def _rest(config: Any) -> ForeignJson:
    """Every other setting that can change what is computed, under its own name."""
    reported = {*_SHAPE, *_SETTINGS, *_NOT_COMPUTED, "rope_parameters", "rope_theta", "rope_scaling"}
    rest = {name: value for name, value in without_asides(config.to_dict()).items() if name not in reported}
    rope = dict(getattr(config, "rope_parameters", None) or {})
    return rest | {f"rope {name}": value for name, value in rope.items() if name not in ("rope_theta", "rope_type")}
