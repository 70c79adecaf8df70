"""TransformerLens bridges around tiny random models, as a person gets them: with a tokenizer that was saved and opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tiny_models import tiny_model, tiny_tokenizer
from transformers import AutoTokenizer


def tiny_bridge(architecture: str, directory: Path, *, adds_bos: bool = True) -> Any:
    """A bridge that reads the same weights as `tiny_model(architecture)`."""
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    tiny_tokenizer(adds_bos=adds_bos).save_pretrained(directory)
    model = tiny_model(architecture)
    name = type(model).__name__
    model.config.architectures = [name]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    return build_bridge_from_module(model, name, hf_config=model.config, device="cpu", tokenizer=tokenizer)
