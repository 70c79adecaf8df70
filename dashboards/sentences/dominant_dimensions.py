"""How are dominant dimensions told: which, how much the largest holds, and how much of a fall they make or hide?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from strata.dashboards.number_formats import count, number
from strata.dashboards.sentences.layer_lines import Line, in_streams
from strata.experiments.compare.similarity_falls import APART, Carried, carried
from strata.experiments.results.comparison_columns import dominant_dimensions
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE, Of

Apart = Mapping[int, tuple[float, float]]
"""Streams at which two lines disagree → the value with all dimensions, and the one without the dominant ones."""
_OF: Mapping[Of, str] = {"variance": "of the variance", "length": "of the squared length"}
_CARRIES: Mapping[Carried, str] = {
    "makes": "most of the fall at {where} goes with {it} ({values} without {it} at stream {at})",
    "adds": "a part of the fall at {where} goes with {it}, the rest stays ({values} without {it} at stream {at})",
    "hides": "most of a fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
    "dampens": "a part of the fall at {where} is hidden by {it} ({values} without {it} at stream {at})",
}


class Dominated(Line, Protocol):
    """A line over streams with its dominant dimensions."""

    @property
    def dominant(self) -> Sequence[str | None]:
        """Their numbers by stream, as the tables have them; None where there are none."""

    @property
    def shares(self) -> Sequence[float | None]:
        """What the largest dimension holds, by stream."""

    @property
    def of(self) -> Of:
        """What it holds a share of."""


def dominance_words(line: Dominated) -> str:
    """Which dimensions are dominant where, and how much the largest holds."""
    most = max((share for share in line.shares if share is not None), default=None)
    holds = f"{_percent(most)} % {_OF[line.of]}"
    streams = [stream for stream, named in zip(line.layer, line.dominant, strict=True) if named]
    if not streams:
        return f"no dimension is dominant (the largest holds {holds})"
    numbers = sorted(_dimensions(line))
    which = (
        f"dimension {numbers[0]} holds"
        if len(numbers) == 1
        else f"dimensions {', '.join(map(str, numbers))} dominate: one holds"
    )
    return f"{which} up to {holds} ({in_streams(streams)})"


def dimensions_told(line: Dominated, apart: Apart | None) -> str:
    """What is dominant, and where the line without it says something else: how much of a fall it makes, or hides.

    `apart`: None where there is no line without it.
    """
    if apart is None:
        return dominance_words(line)
    it = "it" if len(_dimensions(line)) == 1 else "them"
    if not apart:
        return f"{dominance_words(line)}; without {it} the line is the same to {APART}"
    by: dict[Carried, list[int]] = {}
    for stream, (full, other) in sorted(apart.items()):
        by.setdefault(carried(full, other), []).append(stream)
    clauses = [
        words.format(it=it, where=in_streams(by[name]), **_worst(apart, by[name]))
        for name, words in _CARRIES.items()
        if name in by
    ]
    return f"{dominance_words(line)}; {'; '.join(clauses)}"


def family_band(n_families: int) -> str:
    """What the band of a line is whose families are excluded one by one."""
    return f"lowest and highest value with one of {count(n_families, 'family', 'families')} excluded at a time"


def aria_with_band(aria: str, band: str) -> str:
    """A line as a sentence, with what its band is."""
    return f"{aria}; bands: {band}"


def _dimensions(line: Dominated) -> set[int]:
    return {dimension for told in line.dominant for dimension in dominant_dimensions(told)}


def _percent(share: float | None) -> str:
    """With as many decimals as it takes not to be rounded up to the share from which on a dimension is dominant."""
    if share is None:
        return number(None)
    digits = 0
    while share < DOMINANT_SHARE <= round(share, digits + 2) and digits < 6:
        digits += 1
    return number(100 * share, digits)


def _worst(apart: Apart, streams: Sequence[int]) -> dict[str, str]:
    at = max(streams, key=lambda stream: abs(apart[stream][0] - apart[stream][1]))
    full, other = apart[at]
    return {"at": str(at), "values": f"{number(other, 3)} instead of {number(full, 3)}"}
