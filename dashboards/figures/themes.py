"""How does a figure come into another theme? By its colours alone, in Python as on the page."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from strata.dashboards.figures.figure_values import Drawn
from strata.dashboards.figures.palette import PALETTES, Palette, Theme


def in_theme(drawn: Drawn, theme: Theme) -> Drawn:
    """A figure that was drawn in the light theme, in another one."""
    colours = _swapped(theme)
    return replace(drawn, data=_recoloured(list(drawn.data), colours), layout=_recoloured(drawn.layout, colours))


def _swapped(theme: Theme) -> dict[str, str]:
    swapped: dict[str, str] = {}
    for field in fields(Palette):
        ours, theirs = (getattr(PALETTES[name], field.name) for name in ("light", theme))
        pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
        swapped.update(pairs)
    return swapped


def _recoloured(value: Any, colours: dict[str, str]) -> Any:
    if isinstance(value, str):
        return colours.get(value, value)
    if isinstance(value, dict):
        return {name: _recoloured(inner, colours) for name, inner in value.items()}
    return [_recoloured(inner, colours) for inner in value] if isinstance(value, list | tuple) else value
