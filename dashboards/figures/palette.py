"""Which colours do figures have? Those of the page's style, in a light and a dark theme; safe for colour-blind readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strata.dashboards.text import visible

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """Hex colours."""

    card: str
    """Background."""
    text: str
    muted: str
    line: str
    strong_line: str
    blank: str
    """What isn't counted."""
    accent: str
    diverging: tuple[str, str, str, str, str]
    """From against the answer (orange) over none to towards it (blue); lightness rises or falls in step on either side."""


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        card="#f6f7f9",
        text="#161b22",
        muted="#525d6a",
        line="#d9dee5",
        strong_line="#808a96",
        blank="#bcc4cd",
        accent="#0072b2",
        diverging=("#b2182b", "#ef8a62", "#f7f7f7", "#67a9cf", "#2166ac"),
    ),
    "dark": Palette(
        card="#1d2229",
        text="#e9edf2",
        muted="#a9b4c0",
        line="#323a44",
        strong_line="#8a95a2",
        blank="#5d6874",
        accent="#56b4e9",
        diverging=("#ff9e80", "#a8483a", "#2a3038", "#2f6fa8", "#8cc8ff"),
    ),
}
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'


def plain(text: str) -> str:
    """Text in which a figure finds no tag and no entity, and a reader nothing invisible."""
    return text and visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
