"""What may a person give as a model? A spec, an opened checkpoint, a Hugging Face model with its tokenizer, or a bridge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.module_view import own_view
from strata.probes.checkpoints.open_spec import checkpoint_from
from strata.probes.checkpoints.open_spec import open_checkpoint as open_spec
from strata.probes.checkpoints.torch_settings import in_own_precision
from strata.probes.checkpoints.unwrap_bridge import hooked_in, is_bridge, is_inside_bridge, text_start_of, unwrapped
from strata.probes.errors import StrataError
from strata.probes.foreign_types import DeviceMap
from strata.probes.progress import Progress, silent

Model = str | Checkpoint | tuple[Any, Any] | Any
"""A spec such as "smollm2", a Checkpoint, a tuple (Hugging Face model, tokenizer), or a TransformerLens TransformerBridge."""

_ACCEPTED = (
    "Give a spec such as 'smollm2' or 'org/name', (model, tokenizer) of Hugging Face, or a TransformerLens bridge"
)


def checkpoint_of(model: Model) -> Checkpoint:
    """`model` as a Checkpoint: itself if it is one, opened otherwise (a few seconds: for many calls open it once).

    Raises StrataError for what isn't a model, or lacks its tokenizer.
    """
    if isinstance(model, Checkpoint):
        return model
    if isinstance(model, tuple):
        if len(model) != 2:
            raise StrataError(f"The model is a tuple of {len(model)} parts", _ACCEPTED)
        return open_checkpoint(*model)
    return open_checkpoint(model)


@in_own_precision()
def open_checkpoint(
    model: Model,
    tokenizer: Any = None,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | DeviceMap | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Checkpoint:
    """Opens a model for measuring: once, for any number of calls.

    `model` is a spec (`smollm2`, a directory, a `.gguf` file, `org/name@revision`, each with `+ADAPTER`s), a Hugging Face
    model with its `tokenizer`, or a TransformerLens TransformerBridge (whose own tokenizer is taken unless one is given).
    For a spec, `dtype` auto is the stored one on a GPU and float32 on a CPU, `device` auto the first GPU, else the CPU,
    and `device_map` hands placement to accelerate. A model in memory stays where it is, in its own dtype: the options
    don't apply to it. It isn't changed, not even its training mode; the checkpoint reads its weights where they lie, so open
    it again after training it further or moving it. Forward hooks of your own are not in force (a caveat says so).

    Raises StrataError for anything the person can mend, DoesNotFitError for memory.

    >>> import strata
    >>> checkpoint = strata.open_checkpoint("smollm2")
    >>> checkpoint.n_layers, checkpoint.d_model
    (30, 576)
    """
    options = {"dtype": dtype, "device": device, "device_map": device_map, "attention": attention}
    if isinstance(model, str):
        if tokenizer is not None:
            raise StrataError(f"{model!r} comes with a tokenizer of its own", "Leave out tokenizer")
        return open_spec(
            model, dtype=dtype, device=device, device_map=device_map, attention=attention,
            trust_remote_code=trust_remote_code, progress=progress,
        )  # fmt: skip
    set_anyway = next((name for name, value in options.items() if value not in (None, "auto")), None)
    if set_anyway is not None:
        raise StrataError(f"{set_anyway} can't be chosen for a model in memory", "Move or convert the model itself")
    if isinstance(model, Checkpoint):
        if tokenizer is not None:
            raise StrataError("An opened checkpoint has a tokenizer of its own", "Leave out tokenizer")
        return model
    if is_bridge(model):
        return _from_bridge(model, tokenizer)
    if type(model).__name__ == "HookedTransformer":
        raise StrataError(
            "A HookedTransformer holds processed weights, so its streams aren't the model's",
            "Give TransformerLens' TransformerBridge, or the Hugging Face model with its tokenizer",
        )
    if not isinstance(model, nn.Module) or not hasattr(model, "config"):
        raise StrataError(f"An object of type {type(model).__name__} is no model that Strata can open", _ACCEPTED)
    _require_tokenizer(tokenizer, type(model).__name__)
    if is_inside_bridge(model):
        raise StrataError("This Hugging Face model has been rewritten by a TransformerLens bridge", "Give the bridge")
    view, hooked = own_view(model)
    return checkpoint_from(view, tokenizer, caveats=_caveats_of_hooks(hooked, model))


def _caveats_of_hooks(hooked: Sequence[str], model: Any) -> tuple[CheckpointCaveat, ...]:
    if not hooked:
        return ()
    first = hooked[0] or type(model).__name__
    return (CheckpointCaveat("hooks-not-in-force", hooked=len(hooked), module=first),)


def _from_bridge(bridge: Any, tokenizer: Any) -> Checkpoint:
    caveats = _caveats_of_hooks(hooked_in(bridge), bridge)
    if tokenizer is not None:
        _require_tokenizer(tokenizer, "TransformerBridge")
        return checkpoint_from(unwrapped(bridge), tokenizer, caveats=caveats)
    _require_tokenizer(bridge.tokenizer, "TransformerBridge")
    # Whether a text gets a BOS is the bridge's own choice, often another one than its tokenizer's.
    checkpoint = checkpoint_from(unwrapped(bridge), bridge.tokenizer, caveats=caveats)
    return replace(checkpoint, text_start=text_start_of(bridge))


def _require_tokenizer(tokenizer: Any, name: str) -> None:
    if tokenizer is None:
        raise StrataError(f"This {name} comes without a tokenizer", "Give it as well: (model, tokenizer)")
    if not callable(tokenizer) or not hasattr(tokenizer, "get_vocab"):
        raise StrataError(
            f"An object of type {type(tokenizer).__name__} is no tokenizer of Hugging Face", "Give (model, tokenizer)"
        )
