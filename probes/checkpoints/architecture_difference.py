"""Do two checkpoints have the same shape? What their configurations say differently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probes.checkpoints.quiet import first_line, quietly
from probes.errors import StrataError

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


@dataclass(frozen=True)
class ArchitectureDifference:
    what: str
    """In words."""
    a: Any
    """Value in A."""
    b: Any
    """Value in B."""
    shape: bool
    """True where further training can't have changed it; the others are settings."""


def architecture_differences(a: Path, b: Path) -> tuple[ArchitectureDifference, ...]:
    """What the config.json of two directories say differently, shapes first. Raises StrataError for an unreadable one."""
    first, second = _facts(a), _facts(b)
    shapes = set(_SHAPE.values())
    return tuple(
        ArchitectureDifference(what, first[what], second[what], what in shapes)
        for what in first
        if first[what] != second[what]
    )


def _facts(directory: Path) -> dict[str, Any]:
    from transformers import AutoConfig

    try:
        config = quietly(lambda: AutoConfig.from_pretrained(directory, local_files_only=True)).get_text_config()
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise StrataError(
            f"{directory}/config.json could not be read ({first_line(error)})", "Check the checkpoint"
        ) from error
    facts = {what: getattr(config, name, None) for name, what in {**_SHAPE, **_SETTINGS}.items()}
    # Left unsaid they follow from the others, and further training often saves them outright.
    heads = facts["attention heads"]
    facts["key-value heads"] = facts["key-value heads"] or heads
    if heads and facts["width"]:
        facts["head width"] = facts["head width"] or facts["width"] // heads
    rope = getattr(config, "rope_parameters", None) or {}
    facts["rope theta"] = rope.get("rope_theta", getattr(config, "rope_theta", None))
    facts["rope kind"] = rope.get("rope_type")
    return facts
