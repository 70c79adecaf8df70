"""What stands in the tables of cells, heads and places beside the stage map?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import interval, number, p_words
from strata.dashboards.sentences.places import cell_label
from strata.dashboards.sentences.reasons import NOT_COUNTED
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.families import CellResult, Coding
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import Cell

CODING: Mapping[Coding, str] = {"codes": "yes", "in-part": "in part", "no": "no", "untestable": "can't be tested"}


def measured_words(measured: Measured | None) -> str:
    """`0.58 [0.51, 0.65]`, or `not measured`."""
    if measured is None:
        return "not measured"
    return f"{number(measured.value)} {interval(*measured.interval) if measured.interval else ''}".strip()


def or_dash(measured: Measured | None) -> str:
    """The same, with a dash where nothing was measured."""
    return "–" if measured is None else measured_words(measured)


def named_cell(cell: Cell, span: str | None) -> str:
    """`MLP at the subject (enrich)`."""
    return f"{cell_label(cell, span)} ({cell})"


def installed_words(cell: CellResult) -> str:
    """What a third answer's pieces bring, with the test of it."""
    if cell.install is None and cell.install_p is None:
        return "–"
    tested = "" if cell.install_p is None else f", {p_words(cell.install_p)}"
    return f"{or_dash(cell.install)}{tested}"


def counts_words(cell: CellResult) -> str:
    """Whether a cell counts, and why not."""
    if cell.effect is None:
        return "–"
    return "yes" if cell.counts else "no" if cell.why_not is None else f"no: {NOT_COUNTED[cell.why_not]}"


def excess_words(excess: Measured | None, p: float | None) -> str:
    """What a kind has beyond its control, with the test of it."""
    return measured_words(excess) + (f", {p_words(p)}" if p is not None else "")


def counted_in(known: Sequence[bool]) -> str:
    """`in 3 of 4`: families in which a cell counts."""
    return f"in {sum(known)} of {len(known)}" if known else "–"


def gained_words(gains: Mapping[int, float | None]) -> str:
    """`3 (0.21), 4 (0.18)`: what is gained at which blocks."""
    return ", ".join(f"{block} ({number(gain)})" for block, gain in gains.items()) or "–"


def heads_words(heads: Sequence[tuple[int, int]]) -> str:
    """`3.1, 4.0`: block and head of each."""
    return ", ".join(f"{layer}.{head}" for layer, head in heads) or "none"


def kinds_map_choice(kinds: Sequence[str]) -> str:
    """The choice of the map of whole kinds."""
    return f"{' and '.join(kind for kind in KNOWLEDGE_AND_REASONING if kind in kinds) or 'all kinds'}, with controls"


def family_map_choice(family: str, kind: str) -> str:
    """The choice of a family's map."""
    return f"{family} ({kind})"


def family_map_aria(family: str, place: str, ends: str, why: str) -> str:
    """A family's map as a sentence; without a place, why there is none."""
    said = f"made by {place} {ends}" if place else f"not placed: {why}"
    return f"{family}: {said}"
