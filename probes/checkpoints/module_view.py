"""How is a model that somebody else holds measured without changing it? As a second module tree over the same weights."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
LIBRARIES = ("transformers", "accelerate", "torch")
_FOR_GRADIENTS = "make_inputs_require_grad"


def own_view(model: Any) -> tuple[Any, tuple[str, ...]]:
    """A copy of `model`'s modules, configuration and buffers whose parameters share the memory of the original's.

    Evaluation mode, hooks and gradient flags set on the copy don't reach the original. Costs next to no memory.
    The person's own forward hooks stay behind: they would change what is measured, or be run without being asked. The
    second value are the paths of the modules that had some; hooks of the libraries themselves are kept.
    """
    memo: dict[int, Any] = {id(parameter): shared(parameter) for parameter in model.parameters()}
    left_behind: list[str] = []
    for path, module in model.named_modules():
        for name in _HOOKS:
            hooks: dict[int, Any] = getattr(module, name)
            kept = OrderedDict((key, hook) for key, hook in hooks.items() if _belongs(hook))
            memo[id(hooks)] = kept
        if has_own_forward_hooks(module):
            left_behind.append(path)
    return copy.deepcopy(model, memo), tuple(left_behind)


def has_own_forward_hooks(module: nn.Module, libraries: tuple[str, ...] = LIBRARIES) -> bool:
    """Whether a forward hook of `module` is a person's own."""
    hooks = (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    return any(not is_a_librarys(hook, libraries) for hook in hooks)


def shared(parameter: Tensor) -> nn.Parameter:
    """The same numbers at the same place in memory, without gradient."""
    return nn.Parameter(parameter.detach(), requires_grad=False)


def _belongs(hook: Callable[..., Any]) -> bool:
    return is_a_librarys(hook) and _FOR_GRADIENTS not in getattr(hook, "__qualname__", "")


def is_a_librarys(hook: Any, libraries: tuple[str, ...] = LIBRARIES) -> bool:
    """transformers keeps hooks of its own on every model that was once asked for its hidden states."""
    function = hook.func if isinstance(hook, partial) else hook
    return (getattr(function, "__module__", None) or "").partition(".")[0] in libraries
