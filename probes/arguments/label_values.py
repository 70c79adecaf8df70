"""What does a label, or the name of a group, say, whichever library it comes from? The value as Python has it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from torch import Tensor

from strata.probes.errors import StrataError


def plain_value(value: Any) -> Any:
    """The value as Python has it: scalars of numpy, torch and pandas unpacked, None for a missing one."""
    if isinstance(value, np.generic) or (isinstance(value, (np.ndarray, Tensor)) and value.ndim == 0):
        value = value.item()
    is_missing = value is None or (isinstance(value, float) and math.isnan(value))
    return None if is_missing or type(value).__name__ in ("NAType", "NaTType") else value


def plain_values(values: Iterable[Any], what: str) -> list[Hashable]:
    """Values that can be told apart by what they say, None for missing ones.

    Raises StrataError for one that can't be compared by its value (a list, an array), as the `what` of its item.
    """
    plain = [plain_value(value) for value in values]
    for item, value in enumerate(plain):
        try:
            if isinstance(value, Tensor):  # it has a hash, of which tensor it is and not of what it holds
                raise TypeError
            hash(value)
        except TypeError:
            raise StrataError(
                f"The {what} of item {item} is a {type(value).__name__}", "Give a text, a number or a tuple"
            ) from None
    return plain
