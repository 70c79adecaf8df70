"""How is a column of a comparison written whose text is made of parts, and how is it read? Both, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from strata.experiments.results.roles import Role

_BETWEEN = ", "


def direction_into(role: Role) -> str:
    """The column `direction`: which model receives what is taken from the other. It is compared, never taken apart."""
    return f"into {role}"


def dominant_text(dimensions: Sequence[int]) -> str | None:
    """The column `dominant`: `3, 9`; None where there are none."""
    return _BETWEEN.join(map(str, dimensions)) or None


def dominant_dimensions(text: str | None) -> tuple[int, ...]:
    """The numbers that `dominant_text` wrote."""
    return tuple(int(number) for number in text.split(_BETWEEN)) if text else ()
