"""A PEFT adapter merged into its base model, or refused when it was trained on another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import safe_open

from probes.checkpoints.identity import check_safetensors, hash_safetensors
from probes.checkpoints.quiet import first_line, quietly
from probes.checkpoints.remote import hub_directory
from probes.errors import StrataError


def with_adapter(model: Any, adapter: str) -> tuple[Any, str]:
    """(`model` with `adapter` merged into its weights, sha256 over the adapter's tensors).

    `adapter` is a PEFT directory or a hub id. Raises StrataError when it isn't one, when its weights are pickled or
    damaged, and when they don't match the model weight by weight.
    """
    directory, weights = adapter_files(adapter)
    merged = quietly(lambda: _merged(model, adapter, directory, weights))
    return merged, hash_safetensors([weights])


def adapter_files(adapter: str) -> tuple[Path, Path]:
    """(directory with adapter_config.json, its weight file) of a PEFT directory or hub id.

    Raises StrataError when it isn't one and when its weights are pickled or damaged.
    """
    directory = _directory(adapter)
    weights = directory / "adapter_model.safetensors"
    if not (directory / "adapter_config.json").exists():
        raise StrataError(f"{adapter} has no adapter_config.json", "Give a directory saved by PEFT")
    if not weights.exists():
        raise StrataError(
            f"{adapter} has no adapter_model.safetensors (pickled adapters are refused)",
            "Save it as safetensors",
        )
    check_safetensors(weights)
    return directory, weights


def _directory(adapter: str) -> Path:
    directory = Path(adapter)
    if directory.exists():
        return directory
    if "/" not in adapter or adapter.startswith((".", "/", "~")):
        raise StrataError(f"There is no adapter {adapter!r}", "Give a PEFT directory or a hub id")
    return hub_directory(adapter, None)[0]


def _merged(model: Any, adapter: str, directory: Path, weights: Path) -> Any:
    from peft import PeftModel, get_peft_model_state_dict

    own = {f"base_model.model.{name}" for name in model.state_dict()}
    try:
        loaded = PeftModel.from_pretrained(model, str(directory))
        wanted = set(get_peft_model_state_dict(loaded, save_embedding_layers=False))
        with safe_open(str(weights), framework="pt") as file:
            stored = set(file.keys())
        # PEFT only warns of what is missing and drops what is left over; embeddings saved whole are in no list.
        odd = sorted((wanted - stored) | (stored - wanted - own))
        if odd:
            raise ValueError(f"{len(odd)} weights have no counterpart, among them {odd[0]}")
        return loaded.merge_and_unload()
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise StrataError(
            f"The adapter {adapter} does not fit this base model ({first_line(error)})",
            "Check which base it was trained on",
        ) from error
