"""What may be given to a probe as activations? Captured ones, tensors and arrays, with or without an axis of streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from pydantic import JsonValue
from torch import Tensor

from strata.probes.backends.site_names import stream_of
from strata.probes.errors import StrataError
from strata.probes.linear.probe_streams import require_finite
from strata.probes.numerics.double_precision import with_float64


@runtime_checkable
class HasStreams(Protocol):
    """Captured activations, as far as a probe needs to know them."""

    @property
    def streams(self) -> Float[Tensor, "item stream d_model"]:
        """One vector per item and stream."""
        ...


Activations: TypeAlias = HasStreams | Tensor | np.ndarray


@dataclass(frozen=True)
class Streams:
    """Activations in one form."""

    values: Float[Tensor, "item stream d_model"]
    """In float32, or float64 where they were given so."""
    has_axis: bool
    """Whether they came with an axis of streams."""
    numbers: tuple[int, ...]
    """Which stream of the model each is; 0, 1, … for plain tensors."""
    model: Mapping[str, JsonValue]
    """Whose activations they are, as far as their giver says: hashes by name."""
    token_ids: Sequence[Sequence[int]] | None
    """What was run for every item, where their giver says it."""
    has_embedding: bool
    """Whether their giver says that the first of them is stream 0."""


def streams_of(x: Activations, device: torch.device | str | None = None) -> Streams:
    """`x` as "item stream d_model": "item d_model" is one stream.

    Where their device has no float64 they are on the CPU. Raises StrataError for other shapes, for no items, and for activations that are not finite.
    """
    model: Mapping[str, JsonValue] = {}
    numbers: tuple[int, ...] | None = None
    if isinstance(x, HasStreams):
        known: Any = getattr(x, "model", None)
        model = asdict(known) if is_dataclass(known) and not isinstance(known, type) else dict(known or {})
        given: Any = x.streams
        numbers = _numbers(x)
    else:
        given = x
    values = given if isinstance(given, Tensor) else _as_tensor(given)
    if values.ndim not in (2, 3):
        raise StrataError(
            f"Activations of shape {tuple(values.shape)} have {values.ndim} axes",
            'Give "item d_model" or "item stream d_model"',
        )
    if 0 in values.shape:
        raise StrataError(f"Activations of shape {tuple(values.shape)} hold nothing", "Give at least one item")
    has_axis = values.ndim == 3
    there = values.device if device is None else torch.device(device)
    # What a fit doesn't reach in float32 is solved again in float64.
    values = values.detach().to(
        device=with_float64(there),
        dtype=torch.float64 if values.dtype == torch.float64 else torch.float32,
    )
    values = values if has_axis else values.unsqueeze(1)
    require_finite(values)
    return Streams(
        values, has_axis, numbers or tuple(range(values.shape[1])), model,
        token_ids=getattr(x, "token_ids", None), has_embedding=numbers is not None and numbers[0] == 0,
    )  # fmt: skip


def _numbers(x: HasStreams) -> tuple[int, ...] | None:
    """Of captured streams, which need not be all; None where the giver says neither numbers nor sites."""
    numbers: Sequence[int] | None = getattr(x, "numbers", None)
    if numbers is not None:
        return tuple(numbers)
    sites, n_layers = getattr(x, "sites", None), getattr(getattr(x, "model", None), "n_layers", None)
    if sites is None or n_layers is None:
        return None
    streams = [stream_of(site, n_layers) for site in sites]
    return tuple(number for number in streams if number is not None)


def _as_tensor(given: Any) -> Tensor:
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        raise StrataError(
            f"Activations of type {type(given).__name__} hold {array.dtype}", "Give a tensor or an array of numbers"
        )
    return torch.from_numpy(np.array(array))
