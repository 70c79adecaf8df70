"""What are positions of a prompt called in a figure?"""

from __future__ import annotations

from strata.dashboards.visible_text import visible

BOTH = "spans+last"
"""Pooled spans above, the last token below."""
POSITIONS = {
    BOTH: "spans above, last below",
    "all": "all positions",
    "spans": "spans, pooled",
    "question": "whole question",
}
PLACES = {"spans": "at the spans that differ, pooled", "all": "at every position"}


def position_words(position: str) -> str:
    """`spans, pooled`; a name of the items' own stays as it is."""
    return POSITIONS.get(position) or visible(position)


def place_words(position: str) -> str:
    """`at the spans that differ, pooled`, `at last`."""
    return PLACES.get(position) or f"at {visible(position)}"
