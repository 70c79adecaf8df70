"""Numbers in float64 on any device: Apple's GPUs have none, so there they go to the CPU."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Shaped
from torch import Tensor


def exact(values: Shaped[Tensor, "*axis"]) -> Shaped[Tensor, "*axis"]:
    """In float64: where they lie, or on the CPU if their device has no such numbers."""
    return values.double() if has_float64(values.device) else values.cpu().double()


def has_float64(device: torch.device) -> bool:
    """Whether numbers of double precision can be on a device."""
    return _has_float64(device.type)


def with_float64(device: torch.device) -> torch.device:
    """The device, or the CPU in its place."""
    return device if has_float64(device) else torch.device("cpu")


@cache
def _has_float64(kind: str) -> bool:
    try:
        torch.empty(0, dtype=torch.float64, device=kind)
    except (TypeError, RuntimeError):
        return False
    return True
