"""Why has a position no effect at a block? It can't matter there by construction, or nobody measured it."""

from __future__ import annotations

from typing import Literal

Blank = Literal[
    "unread",  # after the last block nothing carries the position on
    "same",  # both prompts have the same token there
    "not-run",
]
SILENT = 1e-4
"""An effect below this is none."""


def why_blank(
    site: str, position: str, block: int, *, n_layers: int, effect: float | None, measured: bool
) -> Blank | None:
    """None: an effect stands there. `measured`: whether the site was edited at this position at all."""
    silent = effect is None or abs(effect) < SILENT
    last = block == n_layers - 1
    if silent and last and site != "resid_pre" and position not in ("last", "all"):
        return "unread"
    if silent and measured and site == "resid_pre" and block == 0 and position == "last":
        return "same"
    return "not-run" if effect is None else None
