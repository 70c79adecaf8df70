"""How are probes told that are carried over to another model, and why is one absent?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.layer_lines import Line, spoken
from strata.dashboards.visible_text import visible

MEASURES = {
    "own": "the scored model's own probe",
    "direct": "carried over directly",
    "procrustes": "carried over Procrustes-aligned",
}


class Transferred(Line, Protocol):
    """The accuracy of a probe carried over."""

    @property
    def family(self) -> str:
        """Family of the questions."""

    @property
    def contrast(self) -> str:
        """Which model is held against the base."""

    @property
    def direction(self) -> str:
        """From which model into which."""

    @property
    def measure(self) -> str:
        """One of `MEASURES`."""


def transfer_aria(line: Transferred) -> str:
    """The line of a probe as a sentence."""
    return spoken(f"{line.family}, {line.contrast}, {line.direction}, {line.measure}", line)


def no_transfer(reasons: Iterable[tuple[str, str, str]]) -> str:
    """Why no probe was carried over: `reasons` by family and contrast, or that no family has labels."""
    told = dict.fromkeys(f"{family} ({contrast}): {why}" for family, contrast, why in reasons)
    if not told:
        return "No family that both models answer has labels a probe could learn."
    return f"No probe could be carried over: {'; '.join(told)}."


def behind_what_is_shared(family: str, n_items: int) -> str:
    """That answer and foil of these items begin alike, and where the family's probes are read."""
    return (
        f"{visible(family)}: answer and foil of {count(n_items, 'item')} begin alike; probes are read behind no more of "
        "it than all answers of the family share."
    )
