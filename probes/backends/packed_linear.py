"""Linear maps of a block by oneDNN from weights laid out for the processor: the same float32 products in half the time.

PyTorch multiplies by MKL, which on other makers' processors doesn't use their wide vectors. Laying a block out takes
as long as a hundred tokens go through it. What was laid out is kept while the weights are the same ones, as far as memory
is for; beyond that a block is laid out anew where many tokens pass it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

FEWEST_TOKENS = 256
"""Of a block that isn't kept: below that the laying out costs more than it saves."""
KEPT_BYTES = 2_000_000_000
"""Of all weights that are kept laid out, beside the model's own."""
_LAID_OUT_FOR = 256
_LEAST_NUMBERS = 65_536
"""Of a weight: a smaller one is multiplied as fast as it is found among those that are kept."""


class _Kept(NamedTuple):
    address: int
    version: int
    """Raised by every change in place that PyTorch sees."""
    sample: Tensor
    """Some of the numbers: a change through `.data` raises no version."""
    weight: Tensor


_kept: MutableMapping[Tensor, _Kept] = WeakTensorKeyDictionary()
"""By weight, which models that share theirs have in common."""
_keeping = threading.Lock()


@contextmanager
def packed_linears(block: nn.Module, tokens: int | None) -> Iterator[None]:
    """While this is open `block` multiplies by packed copies of its weights, if it is in float32 on a CPU that can do so.

    `tokens`: how many will pass it; None: no more than what is kept is laid out, as for a whole body, whose copies would all be held
    at once. No gradients. The weights themselves, hooks and all other modules stay as they are.
    """
    linears = [m for m in block.modules() if _can_be_packed(m)] if _available() else []
    changed = []
    try:
        for linear in linears:
            weight = _laid_out(linear, tokens)
            if weight is not None:
                linear.__dict__["forward"] = _forward(weight, linear.bias)
                changed.append(linear)
        yield
    finally:
        for linear in changed:
            linear.__dict__.pop("forward", None)


def _laid_out(linear: nn.Linear, tokens: int | None) -> Tensor | None:
    """The weight as oneDNN wants it: as it was kept, if it is still the same; None where laying it out isn't worth it."""
    address, version = linear.weight.data_ptr(), linear.weight._version
    sample = _sample(linear.weight)
    with _keeping:
        return _known_or_new(linear.weight, address, version, sample, tokens)


def _known_or_new(given: Tensor, address: int, version: int, sample: Tensor, tokens: int | None) -> Tensor | None:
    known = _kept.get(given)
    if known is not None and (known.address, known.version) == (address, version) and torch.equal(known.sample, sample):
        return known.weight
    _kept.pop(given, None)
    fits = sum(kept.weight.numel() * 4 for kept in _kept.values()) + given.numel() * 4 <= KEPT_BYTES
    if not fits and (tokens is None or tokens < FEWEST_TOKENS):
        return None
    weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(given.detach(), _LAID_OUT_FOR)
    if fits:
        _kept[given] = _Kept(address, version, sample, weight)
    return weight


def _sample(weight: Tensor) -> Tensor:
    """A number of every row and of every column: whoever edits a weight edits some of them, or all."""
    sample: Tensor = weight.detach()[_crossing(*weight.shape)]
    return sample


@cache
def _crossing(n_rows: int, n_columns: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of a diagonal that begins again at each edge."""
    step = torch.arange(max(n_rows, n_columns))
    return step % n_rows, step % n_columns


def _forward(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    added = None if bias is None else bias.detach()

    def forward(given: Tensor) -> Tensor:
        output: Tensor = torch.ops.mkldnn._linear_pointwise(given, weight, added, "none", [], "")
        return output

    return forward


def _can_be_packed(module: nn.Module) -> TypeGuard[nn.Linear]:
    # A forward of its own on the instance is somebody else's (offloading, a wrapper).
    if type(module) is not nn.Linear or "forward" in module.__dict__:
        return False
    # What was made in inference mode doesn't say when it is changed.
    if module.weight.is_inference():
        return False
    return (
        module.weight.dtype == torch.float32
        and module.weight.device.type == "cpu"
        and module.weight.numel() >= _LEAST_NUMBERS
    )


@cache
def _available() -> bool:
    """Whether this build has both operations and they agree with the ordinary product."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch has no stub for it
        return False
    linear = nn.Linear(48, 32)
    given = torch.linspace(-1, 1, 96).reshape(2, 48)
    try:
        with torch.no_grad():
            weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _LAID_OUT_FOR)
            return torch.allclose(_forward(weight, linear.bias)(given), linear(given), rtol=1e-5, atol=1e-5)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
