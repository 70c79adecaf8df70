"""How is a place in the model called? Cells, blocks, roles and readings in words."""

from __future__ import annotations

from collections.abc import Iterable

from strata.experiments.results.families import Extent, Place, Reading, Role
from strata.probes.interventions.cells import Cell, at_span, component_of

CONTROL_OF: dict[str, str] = {"knowledge": "K-C", "reasoning": "R-R0"}
"""Kind: the contrast under which its matched controls stand."""
CONTROL_WORDS: dict[str, str] = {
    "knowledge": "the fact stated in the prompt",
    "reasoning": "the result stated in the prompt",
}
ROLES: dict[Role, str] = {
    "prepares": "prepares",
    "in-part": "in part",
    "makes": "makes",
    "relays": "relays",
    "open": "open",
}
ROLE_MEANS: dict[Role, str] = {
    "makes": "the first that brings the answer itself",
    "prepares": "needed before, without the answer",
    "relays": "passes on or rewrites an answer made before",
    "in-part": "brings the answer in part only",
    "open": "acts, but what it brings can't be tested",
}
READINGS: dict[Reading, str] = {
    "additive": "its parts add up",
    "in-series": "every part is needed",
    "together": "one part does for the others, as backups do",
}


def span_words(spans: Iterable[str | None]) -> str | None:
    """What the replaced span of several families is called: its name where they have one in common."""
    names = {span for span in spans if span is not None}
    return names.pop() if len(names) == 1 else None


def cell_parts(cell: Cell, span: str | None = None) -> tuple[str, str]:
    """A row's part of the model, and where in the prompt: `MLP`, `at the subject`. Without a span: `at the replaced words`."""
    part = "attention" if component_of(cell) == "attn_out" else "MLP"
    return part, f"at the {(span or 'replaced words') if at_span(cell) else 'last token'}"


def cell_label(cell: Cell, span: str | None = None) -> str:
    """`MLP at the subject`: a row of the stage map."""
    return " ".join(cell_parts(cell, span))


def cell_words(cell: Cell, span: str | None = None) -> str:
    """`MLP at the subject (enrich)`: in a sentence."""
    return f"{cell_label(cell, span)} ({cell})"


def blocks_words(first: int, last: int, extent: Extent = "blocks") -> str:
    """`block 23`, `blocks 21–23` or `spread over blocks 1–11`."""
    if first == last:
        return f"block {first}"
    return f"{'spread over ' if extent == 'spread' else ''}blocks {first}–{last}"


def one_or_span(first: int, last: int) -> str:
    """`23` or `21–23`."""
    return str(first) if first == last else f"{first}–{last}"


def ends_words(interval: tuple[int, int] | None) -> str:
    """`[21, 24]`: 95 % interval of the first and of the last block."""
    return "" if interval is None else f"[{interval[0]}, {interval[1]}]"


def place_words(place: Place, span: str | None = None) -> str:
    """`attention at the last token, blocks 21–23`."""
    return f"{cell_label(place.cell, span)}, {blocks_words(place.first, place.last, place.extent)}"


def control_of(family: str, controls: Iterable[tuple[str, str | None]]) -> str | None:
    """The control that is matched to a family, among (name, what it is matched to); None where it has none of its own."""
    for name, contrast in controls:
        if family == contrast or name == f"{family}_stated":
            return name
    return None
