"""A device that is another one by name and the CPU by nature: tensors that don't meet on a GPU don't meet here, and numbers
are the CPU's.

Tensors on it hold a tensor of the CPU. Operations that mix the two, and `numpy()` on it, raise as they do on a GPU, and if asked for
float64 as it does on Apple's. No kernel of a GPU runs, so precision and speed aren't tested, nor what is done for CUDA alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map

from strata.probes.numerics import double_precision

NAME = "elsewhere"
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}
_MOVING = {"copy_", "_to_copy"}
_COMPOSITE = {"to", "type_as", "cpu"}
"""Under inference mode these arrive whole, with the device among their arguments."""


_float64 = True
"""Whether the device has numbers of double precision."""


class MixedDevicesError(RuntimeError):
    """An operation on tensors of two devices."""


class NoFloat64Error(TypeError):
    """A tensor of double precision on a device that has none."""


class Elsewhere(torch.Tensor):
    """A tensor that says it is on the other device."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls, here.size(), strides=here.stride(), storage_offset=here.storage_offset(), dtype=here.dtype,
            layout=here.layout, device=torch.device(NAME, 0), requires_grad=False,
        )  # fmt: skip
        return made

    def __init__(self, here: torch.Tensor) -> None:
        self.here = here

    def tolist(self) -> Any:
        return self.here.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _dispatched(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    """Sees what has no tensor among its arguments: factories, and moves from the CPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        kwargs.pop("pin_memory", None)
        device = kwargs.get("device")
        on_it = device is not None and torch.device(device).type == NAME
        if on_it or any(_is_there(value) for value in tree_flatten((args, kwargs))[0]):
            return _dispatched(func, args, kwargs)
        return func(*args, **kwargs)


def _is_there(value: Any) -> bool:
    """A tensor of the other device, or its name: where an operation arrives whole it may be any argument."""
    return isinstance(value, Elsewhere) or (isinstance(value, torch.device) and value.type == NAME)


def _dispatched(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    if name == "_fused_sdp_choice":
        return 0  # the plain attention, whose parts come through here one by one
    if name in _COMPOSITE:
        with _Mode():
            return func.decompose(*args, **kwargs)
    given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
    _refuse_mixture(func, name, args, given)
    device = kwargs.get("device")
    stays = any(isinstance(value, Elsewhere) for value in given)
    if device is not None:
        stays, kwargs = torch.device(device).type == NAME, {**kwargs, "device": torch.device("cpu")}
    with _disable_current_modes():
        result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    changed = _changed_in_place(func, args, kwargs)
    if changed is not None:
        return changed
    if not stays:
        return result
    with torch.inference_mode(False):
        return tree_map(partial(_there, func), result)


def _there(func: Any, value: Any) -> Any:
    if type(value) is not torch.Tensor:
        return value
    if value.dtype == torch.float64 and not _float64:
        raise NoFloat64Error(f"{func}: float64 on {NAME}")
    return Elsewhere(value)


def _held(value: Any) -> Any:
    return value.here if isinstance(value, Elsewhere) else value


def _refuse_mixture(func: Any, name: str, args: Any, given: list[torch.Tensor]) -> None:
    there = [value for value in given if isinstance(value, Elsewhere)]
    here = [value for value in given if not isinstance(value, Elsewhere)]
    if not there or not here or name in _MOVING:
        return
    if name in _INDEXING:
        # Indices may stay on the CPU where what is indexed is on the GPU, and not the other way round; so may one number.
        table, values = args[0], args[2] if len(args) > 2 else None
        indices = [index for index in args[1] if index is not None]
        fits = isinstance(table, Elsewhere) or not any(isinstance(index, Elsewhere) for index in indices)
        same = values is None or isinstance(values, Elsewhere) == isinstance(table, Elsewhere)
        allowed = fits and (same or (values.ndim == 0 and not isinstance(values, Elsewhere)))
    else:
        allowed = all(value.ndim == 0 for value in here)
    if not allowed:
        said = ", ".join(f"{tuple(t.shape)} on {NAME if isinstance(t, Elsewhere) else 'cpu'}" for t in given)
        raise MixedDevicesError(f"{func}: {said}")


def _changed_in_place(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The tensor that was changed, which the operation gives back itself; None for an operation that makes a new one."""
    schema = func._schema
    written = schema.returns[0].alias_info if len(schema.returns) == 1 else None
    if written is None or not written.is_write:
        return None
    for place, argument in enumerate(schema.arguments):
        alias = argument.alias_info
        if alias and alias.is_write and alias.before_set & written.before_set:
            return args[place] if place < len(args) else kwargs[argument.name]
    return None


class _Event:
    def record(self, *_: Any) -> None: ...

    def synchronize(self) -> None: ...


@cache
def _registered() -> None:
    """torch has one name to give to a backend that isn't its own."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)


@contextmanager
def other_device(float64: bool = True) -> Iterator[None]:
    """While this is open tensors can be on the device `NAME`. Skips the test where torch can't name one."""
    if not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
        pytest.skip(f"torch {torch.__version__} has no devices in Python")
    _registered()
    overwritten = torch.__future__.get_overwrite_module_params_on_conversion()
    lifted = torch._C._only_lift_cpu_tensors()
    with ExitStack() as stack:
        # Copies to pinned memory are waited for by events of CUDA, whatever the device.
        stack.enter_context(patch.object(torch.cuda, "Event", _Event))
        stack.enter_context(patch.object(torch.cuda, "current_stream", lambda device=None: None))
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwritten)
        torch._C._set_only_lift_cpu_tensors(True)
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifted)
        stack.enter_context(patch.dict(globals(), _float64=float64))
        double_precision._has_float64.cache_clear()
        stack.callback(double_precision._has_float64.cache_clear)
        stack.enter_context(_Mode())
        yield
