"""Is what a person gave as an option a whole number, or several?"""

from __future__ import annotations

from operator import index
from typing import Any

from strata.probes.errors import StrataError


def whole_number(name: str, given: Any, least: int, most: int | None = None) -> int:
    """The option as an int. Raises StrataError that names it for anything else, and for a number beyond its bounds."""
    number = as_whole_number(given)
    if number is None or number < least or (most is not None and number > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise StrataError(f"{name} is {given!r}", f"Give a whole number {bounds}")
    return number


def whole_numbers(name: str, given: Any) -> list[int]:
    """One number or several, in the order given. Raises StrataError that names the option for anything else."""
    try:
        several = list(given)
    except TypeError:
        several = [given]
    numbers = []
    for entry in several:
        number = as_whole_number(entry)
        if number is None:
            raise StrataError(f"{name} holds {entry!r}", "Give a whole number, or several")
        numbers.append(number)
    return numbers


def as_whole_number(given: Any) -> int | None:
    """Whatever Python counts with, numpy's and torch's whole numbers too; True and False are none."""
    if isinstance(given, bool):
        return None
    try:
        return index(given)
    except TypeError:
        return None
