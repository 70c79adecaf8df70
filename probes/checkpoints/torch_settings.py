"""What of a caller's torch settings may reach a model? Nothing that would change a number or where a tensor lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn.modules import module as torch_modules

from strata.probes.checkpoints.module_view import is_a_librarys
from strata.probes.errors import StrataError

_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")
_GLOBAL_HOOKS = (
    "_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks", "_global_backward_pre_hooks",
)  # fmt: skip


@contextmanager
def in_own_precision() -> Iterator[None]:
    """Also a decorator: whatever `torch.autocast` or `torch.set_default_device` stands around it is not in force within."""
    with ExitStack() as settings:
        for device in _AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                settings.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            settings.enter_context(torch.device("cpu"))
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Also a decorator: `in_own_precision`, for what runs a model.

    Raises StrataError where a hook of a person's own is on all modules there are: it would run in each pass, unasked.
    """
    own = [hook for name in _GLOBAL_HOOKS for hook in getattr(torch_modules, name).values() if not is_a_librarys(hook)]
    if own:
        raise StrataError(
            f"A hook on all modules of torch is in force ({getattr(own[0], '__qualname__', type(own[0]).__name__)})",
            "Remove it (its handle has remove()), or register it on the modules that it is for",
        )
    with in_own_precision():
        yield
