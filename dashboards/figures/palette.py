"""Which colours do figures have? Those of the page's style, in a light and a dark theme and on paper; safe for colour-blind readers.

Models differ in colour and in dash and mark, the kinds of one model in dash, mark and ink: lines can be told apart in grey.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from strata.dashboards.visible_text import visible

Theme = Literal["light", "dark", "print"]
Ink = Literal["text", "muted", "strong_line", "accent", "trained", "control", "beyond", "bad"]
"""What a line can be drawn in."""
Shade = Literal["accent", "trained", "control", "beyond", "random"]
"""What a band can be drawn in."""


@dataclass(frozen=True)
class Palette:
    """CSS colours. Two entries that differ in any theme differ in the light one: the page recolours by them."""

    card: str
    """Background."""
    well: str
    text: str
    muted: str
    line: str
    strong_line: str
    blank: str
    """What isn't counted."""
    bad: str
    accent: str
    """Also the base's."""
    trained: str
    """The distilled model's."""
    control: str
    beyond: str
    """A difference of differences."""
    diverging: tuple[str, str, str, str, str]
    """From against the answer (orange) over none to towards it (blue); lightness rises or falls in step on either side."""
    accent_shade: str
    trained_shade: str
    control_shade: str
    beyond_shade: str
    random_shade: str

    def ink(self, name: Ink) -> str:
        return str(getattr(self, name))

    def shade(self, name: Shade) -> str:
        """Of a band."""
        return str(getattr(self, f"{name}_shade"))


_LIGHT = Palette(
    card="#f6f7f9",
    well="#eceff3",
    text="#161b22",
    muted="#525d6a",
    line="#d9dee5",
    strong_line="#808a96",
    blank="#bcc4cd",
    bad="#9c2118",
    accent="#0072b2",
    trained="#d55e00",
    control="#00845f",
    beyond="#161b22",
    diverging=("#b2182b", "#ef8a62", "#f7f7f7", "#67a9cf", "#2166ac"),
    accent_shade="rgba(0, 114, 178, .15)",
    trained_shade="rgba(213, 94, 0, .16)",
    control_shade="rgba(0, 132, 95, .15)",
    beyond_shade="rgba(60, 70, 80, .14)",
    random_shade="rgba(128, 138, 150, .2)",
)
PALETTES: dict[Theme, Palette] = {
    "light": _LIGHT,
    "dark": Palette(
        card="#1d2229",
        well="#272e37",
        text="#e9edf2",
        muted="#a9b4c0",
        line="#323a44",
        strong_line="#8a95a2",
        blank="#5d6874",
        bad="#ffb1a6",
        accent="#56b4e9",
        trained="#e8762b",
        control="#2fc79b",
        beyond="#e9edf2",
        diverging=("#ff9e80", "#a8483a", "#2a3038", "#2f6fa8", "#8cc8ff"),
        accent_shade="rgba(86, 180, 233, .18)",
        trained_shade="rgba(232, 118, 43, .2)",
        control_shade="rgba(47, 199, 155, .18)",
        beyond_shade="rgba(220, 228, 236, .16)",
        random_shade="rgba(138, 149, 162, .24)",
    ),
    "print": replace(_LIGHT, card="#ffffff"),
}
CIVIDIS = ("#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a69d75", "#c4b56c", "#fee838")
"""From low to high in any theme, and in grey."""
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'


def colour_scale(colours: tuple[str, ...]) -> list[list[float | str]]:
    """Colours at equal steps, as plotly wants them: stops, never a name, whose direction differs between its libraries."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


@lru_cache(maxsize=1 << 13, typed=True)  # a figure is drawn at several widths, with the same names
def plain(text: str) -> str:
    """Text in which a figure finds no tag and no entity, and a reader nothing invisible."""
    return text and visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clipped(text: str, length: int) -> str:
    """At most so many letters."""
    return text if len(text) <= length else text[: max(1, length - 1)] + "…"
