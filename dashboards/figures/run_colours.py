"""Which colour has a run? The same one wherever it is drawn, by its id; another where two would have the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from strata.dashboards.figures.palette import Theme

_COLOURS: dict[Theme, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#00795c", "#a8437f", "#6b5b00", "#4a4fb0", "#7a3b1d", "#5c6670"),
    "dark": ("#56b4e9", "#ff8a4c", "#3fd0a4", "#f29ccb", "#e3cf4e", "#a9adff", "#d9a184", "#cfd6df"),
}
"""At least 4.5 : 1 against the card; no two alike for colour-blind readers once dash and marker stand beside them."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "triangle-down", "star", "cross")


def run_colours(ids: Sequence[str], theme: Theme) -> list[str]:
    """One a run, in the order of `ids`; different as long as there are no more runs than colours."""
    colours = _COLOURS[theme]
    taken: list[int] = []
    for run in ids:
        place = int(hashlib.sha256(run.encode("utf-8", "replace")).hexdigest(), 16) % len(colours)
        for _ in colours:
            if place not in taken or len(taken) >= len(colours):
                break
            place = (place + 1) % len(colours)
        taken.append(place)
    return [colours[place] for place in taken]
