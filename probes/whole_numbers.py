"""Which whole numbers does a person mean? Those of Python, and those that numpy or torch hand out."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from strata.probes.errors import StrataError


def whole_number(given: Any) -> int | None:
    """`given` as a plain number; None for what is no whole number."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None


def numbers_of(layers: Any) -> list[int]:
    """One block or several, in the order given. Raises StrataError for what is no whole number."""
    single = whole_number(layers) is not None or isinstance(layers, str | bytes) or not isinstance(layers, Iterable)
    numbers: list[int] = []
    for entry in [layers] if single else layers:
        number = whole_number(entry)
        if number is None:
            raise StrataError(
                f"{entry!r} in layers is no whole number", "Give the number of a block, or several: [3, 7]"
            )
        numbers.append(number)
    return numbers
