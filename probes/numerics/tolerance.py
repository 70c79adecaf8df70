"""How far may two correct computations of the same stream differ? Measured against the stream they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.numerics.double_precision import exact


@dataclass(frozen=True)
class Tolerance:
    stream: float
    """For anything on the residual stream, in units of `running_scale`."""
    logits: float
    """For logits (and edits seen through them), in units of their norm and of what the stream has cancelled."""
    rounding: float
    """For the very same values sent once more through the last steps, in units of their norm."""


# Measured between right padding, left padding, single rows, eager and sdpa attention, on ten small architectures and
# a 30-block model: at most 5e-6 in float32; in bfloat16, where a block rounds the stream to 2^-9 twice and a token's
# roundings add up over the blocks, 0.08 on the stream and 0.13 on logits, of which plain Hugging Face against itself
# makes 0.03 and 0.08. Of the mistakes in the tests the faintest are a missing soft-cap (0.23 on logits), an edit that
# is ignored (0.27) and a second final norm (0.31); a neighbouring stream or position, or a wrong mask, makes 0.6 or more.
_TOLERANCES = MappingProxyType(
    {
        torch.float64: Tolerance(1e-10, 1e-10, 1e-12),
        torch.float32: Tolerance(5e-5, 5e-5, 1e-5),
        torch.float16: Tolerance(2**-6, 0.025, 2**-9),
        torch.bfloat16: Tolerance(2**-3, 0.2, 2**-6),
    }
)


def tolerance_of(dtype: torch.dtype) -> Tolerance:
    """What two correct computations in `dtype` may differ by."""
    return _TOLERANCES.get(dtype, _TOLERANCES[torch.bfloat16])


def running_scale(streams: Float[Tensor, "stream token d_model"]) -> Float[Tensor, "stream token"]:
    """The largest norm a token's stream has had so far.

    Rounding is relative to the largest value that was ever added up. Where a model writes a massive activation and
    takes it back, the small stream that is left still carries the massive one's rounding.
    """
    return torch.linalg.vector_norm(exact(streams), dim=-1).cummax(dim=0).values


def differences(
    measured: Float[Tensor, "*place width"],
    expected: Float[Tensor, "*place width"],
    scale: Float[Tensor, "*place"],
) -> tuple[float, float]:
    """(largest absolute difference of a coordinate, largest Euclidean difference of a vector over its scale).

    Not-a-number on either side makes both infinite.
    """
    gap = exact(measured) - exact(expected)
    if gap.numel() == 0:
        return 0.0, 0.0
    if not bool(torch.isfinite(gap).all()):
        return float("inf"), float("inf")
    # Nothing over nothing (the stream of a zero embedding) is no difference; something over nothing is infinite.
    relative = (torch.linalg.vector_norm(gap, dim=-1) / exact(scale)).nan_to_num(0.0, posinf=float("inf"))
    return float(gap.abs().max()), float(relative.max())
