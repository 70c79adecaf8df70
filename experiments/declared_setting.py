"""How is a setting of an experiment declared? Once, on the field of its configuration: default, meaning, what it may be.

Command line, environment, configuration file and the help that the terminal prints all come from there, and a run's manifest holds
the configuration itself. The terminal stays with argparse: a value's origin is told (`--print-config`), a file may not switch on what only a
person may, and `--help` loads no library; jsonargparse, tyro and pydantic-settings do one or two of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

_KEY = "setting"


@dataclass(frozen=True)
class Setting:
    """What a person is told of a setting, beside its default."""

    help: str
    group: str
    """Under which heading it stands."""
    parse: Callable[[str], Any] = str
    """Reads one value from text; ValueError for a bad one."""
    choices: tuple[str, ...] = ()
    metavar: str | None = None


def setting(
    help: str,
    group: str,
    parse: Callable[[str], Any] = str,
    *,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
) -> Mapping[str, Setting]:
    """Metadata of a dataclass field that people may set."""
    return {_KEY: Setting(help, group, parse, choices, metavar)}


def settings_of(config: type) -> dict[str, tuple[Field[Any], Setting]]:
    """Name: field and declaration of everything in `config`, a dataclass, that people may set."""
    return {field.name: (field, field.metadata[_KEY]) for field in fields(config) if _KEY in field.metadata}


class OutOfRangeError(ValueError):
    """A number that an option can't be; the message says what it `must be`."""


MOST = 2**31 - 1
"""Of any whole number that a person sets: tables hold it in 32 bits, and no machine counts further in a lifetime."""
MOST_DRAWS = 100_000
"""Of resampled items or labels: an interval of so many doesn't change any more, and they fit into memory."""


def positive(text: str) -> int:
    """A whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise OutOfRangeError("must be at least 1")
    return number


def whole(text: str) -> int:
    """A whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise OutOfRangeError("must not be negative")
    if number > MOST:
        raise OutOfRangeError(f"must be at most {MOST:,}")
    return number


def draws(text: str) -> int:
    """How often something is drawn anew."""
    number = whole(text)
    if number > MOST_DRAWS:
        raise OutOfRangeError(f"must be at most {MOST_DRAWS:,}")
    return number


def share(text: str) -> float:
    """A number between 0 and 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise OutOfRangeError("must lie between 0 and 1")
    return number


def above_zero(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if number <= 0:
        raise OutOfRangeError("must be above 0")
    return number
