"""Which Hugging Face model is inside a TransformerLens bridge? A bridge rewrites the model it is given; this undoes it.

Only attributes of the bridge are read, so that nothing here needs TransformerLens to be imported.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from strata.probes.checkpoints.module_view import LIBRARIES, has_own_forward_hooks, shared
from strata.probes.errors import StrataError

_BRIDGE = "transformer_lens.model_bridge.transformer_bridge.TransformerBridge"
_WRAPPED = "_original_component"
_REBUILD = "Boot it anew with TransformerBridge.boot_transformers and leave out enable_compatibility_mode"


def is_bridge(model: object) -> bool:
    """Whether `model` is TransformerLens' TransformerBridge."""
    return any(f"{base.__module__}.{base.__name__}" == _BRIDGE for base in type(model).__mro__)


def is_inside_bridge(model: nn.Module) -> bool:
    """Whether a bridge has put its wrappers into this Hugging Face model."""
    return any(_WRAPPED in module._modules for module in model.modules())


def unwrapped(bridge: Any) -> Any:
    """A clean Hugging Face model of the bridge's class and configuration that shares its weights.

    Raises StrataError for a bridge whose weights were folded or centred: its streams aren't the model's.
    """
    if bridge._weights_processed:
        raise StrataError(
            "The weights of this TransformerBridge were processed (folded, centred), so its streams aren't the model's",
            _REBUILD,
        )
    original = bridge.original_model
    if not hasattr(original, "config") or not hasattr(type(original), "_from_config"):
        raise StrataError(
            f"This TransformerBridge is around a {type(original).__name__}, which is no Hugging Face model",
            "Give a bridge made by TransformerBridge.boot_transformers",
        )
    with torch.device("meta"):
        config = copy.deepcopy(original.config)
        clean = type(original)._from_config(config, attn_implementation=config._attn_implementation)
    ours: dict[int, Tensor] = {}
    for path, module in clean.named_modules():
        original_module = _inside(original, path)
        for name, parameter in module._parameters.items():
            if parameter is not None:
                held = _held(original_module._parameters, name, path, parameter)
                module._parameters[name] = ours.setdefault(id(held), shared(held))  # ties stay ties
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = _held(original_module._buffers, name, path, buffer)
    return clean


def hooked_in(bridge: Any) -> tuple[str, ...]:
    """The hook points and modules of the bridge that carry a person's own forward hooks."""
    modules: dict[nn.Module, str] = {}
    for path, module in (*bridge.named_modules(), *bridge.original_model.named_modules()):
        modules.setdefault(module, path.replace(f"{_WRAPPED}.", ""))
    libraries = (*LIBRARIES, "transformer_lens")
    # A hook point puts a function of its own around every hook that it is given.
    return tuple(
        path
        for module, path in modules.items()
        if getattr(module, "fwd_hooks", ()) or has_own_forward_hooks(module, libraries)
    )


def text_start_of(bridge: Any) -> tuple[int, ...]:
    """The token ids that the bridge's `to_tokens` puts before a text."""
    whole = bridge.to_tokens("a")[0].tolist()
    bare = list(bridge.tokenizer("a", add_special_tokens=False)["input_ids"])
    starts = (start for start in range(len(whole)) if whole[start : start + len(bare)] == bare)
    return tuple(int(token) for token in whole[: next(starts, 0)])


def _inside(original: nn.Module, path: str) -> nn.Module:
    """The module that stood at `path` before the bridge put wrappers around it."""
    module = _out_of_wrappers(original)
    for name in path.split(".") if path else ():
        if name not in module._modules:
            raise _rewritten(path)
        module = _out_of_wrappers(module._modules[name])
    return module


def _out_of_wrappers(module: Any) -> nn.Module:
    while _WRAPPED in module._modules:
        module = module._modules[_WRAPPED]
    return module


def _held(tensors: Any, name: str, path: str, like: Tensor) -> Any:
    held = tensors.get(name)
    if held is None or held.shape != like.shape or held.is_meta:
        raise _rewritten(f"{path}.{name}".lstrip("."))
    return held


def _rewritten(path: str) -> StrataError:
    return StrataError(
        f"The weights of this TransformerBridge aren't those of its Hugging Face model any more (at {path})", _REBUILD
    )
