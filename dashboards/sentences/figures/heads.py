"""Words in maps of attention heads."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import interval, number, p_words
from strata.dashboards.sentences.places import cell_label
from strata.probes.interventions.cells import Cell

HEAD_AXIS = "query head"
ENDS = ("against the answer", "towards it")
HEAD = (
    "part of the model",
    "block",
    "head",
    "effect",
    "low",
    "high",
    "p",
    "attention to the span",
    "in the greedy set",
)
NOTE = (
    "One colour scale for all families of this run; pale: the 95 % interval covers 0, or there is none. "
    "Ringed: heads that together reach most of what any four do, chosen on half of the pairs."
)
HINT = "Choose a head to rank the items below by what they gain in its block."
YES, NO = "yes", "no"


def heads_title(family: str) -> str:
    """Of the map of a family."""
    return f"Attention heads: {family}"


def row_label(cell: Cell, block: int) -> str:
    """`move, block 12`."""
    return f"{cell}, block {block}"


def head_says(cell: Cell, span: str | None, block: int, head: int, measured: Sequence[str]) -> str:
    """At a head."""
    return "<br>".join((f"<b>block {block}, head {head}</b>", f"{cell_label(cell, span)} ({cell})", *measured))


def effect_says(effect: float, low: float | None, high: float | None, p: float) -> str:
    """What it brings alone."""
    ends = "" if low is None or high is None else f" {interval(low, high)}"
    return f"effect {number(effect)}{ends}, {p_words(p)} over the heads measured"


def attention_says(attention: float) -> str:
    """What it looks at."""
    return f"attention to the span {number(attention)}"


def heads_aria(family: str, strongest: Sequence[tuple[int, int, float]]) -> str:
    """A family's map as a sentence. `strongest`: block, head and effect."""
    told = ", ".join(f"{block}.{head} {number(effect)}" for block, head, effect in strongest)
    return f"Effect of single attention heads in {family}, block.head, the largest: {told}"
