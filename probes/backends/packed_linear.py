"""Linear maps of a block by oneDNN from weights laid out for the processor: the same float32 products in half the time.

PyTorch multiplies by MKL, which on other makers' processors doesn't use their wide vectors. Laying a block out takes
as long as a hundred tokens go through it, so it is done for one block at a time, while many runs pass it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeGuard

import torch
from torch import Tensor, nn

FEWEST_TOKENS = 256
"""Below that the laying out costs more than it saves."""


@contextmanager
def packed_linears(block: nn.Module, tokens: int) -> Iterator[None]:
    """While this is open `block` multiplies by packed copies of its weights, if it is in float32 on a CPU that can do so.

    `tokens`: how many will pass it. No gradients. The weights themselves, hooks and all other modules stay as they are.
    """
    linears = [m for m in block.modules() if _can_be_packed(m)] if tokens >= FEWEST_TOKENS and _available() else []
    try:
        for linear in linears:
            linear.__dict__["forward"] = _forward(linear, tokens)
        yield
    finally:
        for linear in linears:
            linear.__dict__.pop("forward", None)


def _forward(linear: nn.Linear, tokens: int) -> Callable[[Tensor], Tensor]:
    weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), tokens)
    bias = None if linear.bias is None else linear.bias.detach()

    def forward(given: Tensor) -> Tensor:
        output: Tensor = torch.ops.mkldnn._linear_pointwise(given, weight, bias, "none", [], "")
        return output

    return forward


def _can_be_packed(module: nn.Module) -> TypeGuard[nn.Linear]:
    # A forward of its own on the instance is somebody else's (offloading, a wrapper).
    if type(module) is not nn.Linear or "forward" in module.__dict__:
        return False
    return module.weight.dtype == torch.float32 and module.weight.device.type == "cpu" and module.weight.numel() > 0


@cache
def _available() -> bool:
    """Whether this build has both operations and they agree with the ordinary product."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch has no stub for it
        return False
    linear = nn.Linear(48, 32)
    given = torch.linspace(-1, 1, 96).reshape(2, 48)
    try:
        with torch.no_grad():
            return torch.allclose(_forward(linear, 2)(given), linear(given), rtol=1e-5, atol=1e-5)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
