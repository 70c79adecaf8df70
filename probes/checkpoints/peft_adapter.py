"""A PEFT adapter merged into its base model, or refused when it was trained on another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from strata.probes.checkpoints.foreign_patterns import refuse_endless_adapter
from strata.probes.checkpoints.hub import hub_directory
from strata.probes.checkpoints.identity import check_safetensors, hash_safetensors
from strata.probes.checkpoints.peft_adapter_fit import (
    acts_alike,
    not_in_place,
    refuse_broken,
    refuse_impossible_ranks,
    refuse_other_base,
    refuse_other_depth,
    refuse_unmergeable,
    trial_ids,
)
from strata.probes.checkpoints.quiet_libraries import first_line, guarded
from strata.probes.checkpoints.refusals import read_object, refuse_irregular_entries, refuse_pointer
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson

SHIPPED = ("think", "think-1", "think-2", "filler", "filler-1", "filler-2", "plain")
"""Adapters of the embedded model that come with the package; a directory of such a name is `./think`."""
_SHIPPED_IN = Path(__file__).with_name("adapters")
TRAINING_STATE = "training.safetensors"
"""Where an unfinished training run stands; it goes when the adapter is written."""
RECORD = "strata.json"
"""Beside an adapter that Strata trained: the base's hashes, and how it was made."""


def with_adapter(model: Any, adapter: str, base_sha256: str | None = None) -> tuple[Any, str]:
    """(`model` with `adapter` merged into its weights, sha256 over the adapter's tensors).

    `adapter` is a shipped name, a PEFT directory or a hub id. Raises StrataError when it isn't one, when its weights
    are pickled or damaged, when they don't match the model weight by weight, and when the adapter records another
    base than the one whose hash is `base_sha256`.
    """
    directory, weights = adapter_files(adapter)
    if base_sha256 is not None:
        check_recorded_base(adapter, lambda: base_sha256)
    merged = guarded(
        lambda: _merged(model, adapter, directory, weights),
        f"The adapter {adapter} does not fit this base model",
        "Check which base it was trained on",
    )
    return merged, hash_safetensors([weights])


def adapter_files(adapter: str) -> tuple[Path, Path]:
    """(directory with adapter_config.json, its weight file) of a shipped name, a PEFT directory or a hub id.

    Raises StrataError when it isn't one and when its weights are pickled or damaged.
    """
    directory = _directory(adapter)
    refuse_irregular_entries(directory)
    weights = directory / "adapter_model.safetensors"
    if not (directory / "adapter_config.json").exists():
        _refuse_unfinished(adapter, directory)
        model = ": it is a model, not a PEFT adapter" if (directory / "config.json").exists() else ""
        raise StrataError(f"{adapter} has no adapter_config.json{model}", "Give a directory saved by PEFT")
    if not weights.exists():
        raise StrataError(
            f"{adapter} has no adapter_model.safetensors (pickled adapters are refused)",
            "Save it as safetensors",
        )
    refuse_pointer(weights)
    check_safetensors(weights)
    return directory, weights


@dataclass(frozen=True)
class RecordedBase:
    """The base that an adapter made by Strata was trained on."""

    spec: str
    """What it was opened as."""
    weights_sha256: str
    """Over all its weights."""


def recorded_base(directory: Path) -> RecordedBase | None:
    """What an adapter made by Strata says of its base; None for others'.

    Raises StrataError when the record is damaged.
    """
    file = directory / RECORD
    if not file.exists():
        return None
    try:
        base = read_object(file)["base"]
        return RecordedBase(spec=str(base["spec"]), weights_sha256=str(base["weights_sha256"]))
    except (KeyError, TypeError) as error:
        raise StrataError(f"{file} is damaged ({first_line(error)})", "Make or download the adapter again") from error


def named_base(adapter: str) -> str | None:
    """What PEFT wrote down as the base of an adapter: a hub id, or a path on the machine that trained it. None without one.

    Raises StrataError when it isn't an adapter or its configuration is damaged.
    """
    name = adapter_settings(adapter).get("base_model_name_or_path")
    return str(name) if name else None


def adapter_settings(adapter: str) -> ForeignJson:
    """adapter_config.json of an adapter: with other settings the same tensors are another change.

    Raises StrataError when it isn't an adapter or its configuration is damaged.
    """
    return read_object(adapter_files(adapter)[0] / "adapter_config.json")


def check_recorded_base(adapter: str, base_sha256: Callable[[], str]) -> None:
    """Raises StrataError when `adapter` records another base than the one of this hash, which is asked for only then."""
    base = recorded_base(adapter_files(adapter)[0])
    if base is not None and (base_hash := base_sha256()) != base.weights_sha256:
        raise StrataError(
            f"The adapter {adapter} was trained on {base.spec} (weights {base.weights_sha256[:12]}), not on this "
            f"base (weights {base_hash[:12]})",
            f"Open it as {base.spec}+{adapter}",
        )


def _directory(adapter: str) -> Path:
    if adapter in SHIPPED:
        shipped = _SHIPPED_IN / adapter
        if not (shipped / "adapter_config.json").exists():
            raise StrataError(
                f"The adapter {adapter!r} is not part of this installation",
                f"Make it (strata distill smollm2 --twin {adapter} --out runs/{adapter}) and give its directory",
            )
        return shipped
    directory = Path(adapter)
    if directory.exists():
        return directory
    _refuse_unfinished(adapter, directory.parent)
    if "/" not in adapter or adapter.startswith((".", "/", "~")):
        near = get_close_matches(adapter, SHIPPED, 1)
        raise StrataError(
            f"There is no adapter {adapter!r}",
            f"Did you mean {near[0]}?" if near else f"Give {', '.join(SHIPPED)}, a PEFT directory or a hub id",
        )
    return hub_directory(adapter, None)[0]


def _refuse_unfinished(adapter: str, run: Path) -> None:
    """Raises StrataError where `run` is a training run that ended before it wrote its adapter, or that keeps it one folder below."""
    if (run / "adapter" / "adapter_config.json").exists():
        raise StrataError(f"{adapter} is a training run, not its adapter", f"Give {run / 'adapter'}")
    if (run / TRAINING_STATE).exists():
        raise StrataError(
            f"The training of {adapter} is not finished", "Start the same strata distill command again: it goes on"
        )


def _merged(model: Any, adapter: str, directory: Path, weights: Path) -> Any:
    from peft import PeftModel, get_peft_model_state_dict

    settings = adapter_settings(adapter)
    refuse_unmergeable(adapter, settings)
    refuse_broken(adapter, weights)
    stored = stored_shapes(weights)
    refuse_impossible_ranks(adapter, settings, stored)
    refuse_endless_adapter(adapter, settings, [name for name, _ in model.named_modules()])
    refuse_other_base(adapter, stored, model)
    own = {f"base_model.model.{name}" for name in model.state_dict()}
    try:
        loaded = PeftModel.from_pretrained(model, str(directory)).eval()
        wanted = set(get_peft_model_state_dict(loaded, save_embedding_layers=False))
        # PEFT only warns of what is missing and drops what is left over; embeddings saved whole are in no list.
        odd = not_in_place(wanted, set(stored), own)
        if odd:
            refuse_other_depth(adapter, stored, model)
            raise ValueError(f"{len(odd)} weights have no counterpart, among them {odd[0]}")
    except StrataError:
        raise
    except Exception as error:  # PEFT and torch raise of every kind
        raise StrataError(
            f"The adapter {adapter} does not fit this base model ({first_line(error)})",
            "Check which base it was trained on",
        ) from error
    beside = _logits(loaded)
    untie(loaded)
    try:
        merged = loaded.merge_and_unload()
    except Exception as error:  # as above
        raise StrataError(
            f"The adapter {adapter} can't be merged into weights ({first_line(error)})",
            "Merge it where it was made, save the result, and give that directory",
        ) from error
    after = _logits(merged)
    precision = merged.get_input_embeddings().weight.dtype
    if beside is not None and after is not None and not acts_alike(beside, after, precision):
        raise StrataError(
            f"The adapter {adapter} merged into the weights answers otherwise than beside them, where PEFT keeps it",
            "Merge it into its base with PEFT, check the result, and give that directory",
        )
    return merged


def untie(loaded: Any) -> None:
    """Gives embedding and unembedding weights of their own where they share them and the adapter changes one of them.

    Merged into a shared weight, a change of one end would reach the other end too.
    """
    model = loaded.base_model.model
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    inner = [getattr(end, "base_layer", end) for end in ends]
    first, second = (
        module._parameters.get("weight") if isinstance(module, torch.nn.Module) else None for module in inner
    )
    # Modules that an adapter brings whole are copies, which share nothing with the base.
    if first is None or first is not second or inner == ends:
        return
    untied(model, inner[1])


def untied(model: Any, unembedding: Any) -> None:
    """Gives the unembedding, a module that shares its weight with the embedding of `model`, a weight of its own."""
    unembedding.weight = torch.nn.Parameter(unembedding.weight.detach().clone(), requires_grad=False)
    for config in {id(settings): settings for settings in (model.config, model.config.get_text_config())}.values():
        config.tie_word_embeddings = False


def _logits(model: Any) -> torch.Tensor | None:
    """What it answers to a few ids; None where its weights are not in memory."""
    embedding = model.get_input_embeddings().weight
    if embedding.device.type == "meta":
        return None
    ids = torch.tensor([trial_ids(embedding.shape[0])], device=embedding.device)
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return logits


def stored_shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """Name to shape of an adapter's tensors."""
    with safe_open(str(weights), framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
