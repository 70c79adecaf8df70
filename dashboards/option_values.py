"""What may an option of a verb be, and how does a run's manifest hold the options it was started with?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

OptionValue = str | int | float | bool | tuple[str, ...] | tuple[int, ...] | tuple[str | int | float, ...] | None


def manifest_options(options: Mapping[str, OptionValue]) -> dict[str, JsonValue]:
    """The options as JSON holds them; `--config RUN/manifest.json` reads them."""
    held: dict[str, JsonValue] = {}
    for name, value in options.items():
        if name != "out":
            held[name] = [*value] if isinstance(value, tuple) else value
    return held
