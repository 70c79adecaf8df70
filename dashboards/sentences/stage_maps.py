"""What is said on the panels of a stage map: whose they are, where answers are made, and what an outline or a row stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.family_places import parts_and_families
from strata.dashboards.sentences.places import (
    CONTROL_WORDS,
    READINGS,
    ROLES,
    blocks_words,
    cell_label,
    ends_words,
    place_words,
)
from strata.dashboards.sentences.reasons import NOT_COUNTED, why_not_located, why_not_placed
from strata.experiments.results.families import CellResult, FamilyResult, Locus
from strata.experiments.results.kinds import KindLocalisation, Located, SharedWithControl

NO_PAIR = "no intervention was made on its items"
NO_CONTROL = "no matched control was measured"


def control_title(family: str) -> str:
    """Above the panel of a family that is another one's control."""
    return f"control: {family}"


def control_of_kind_title(kind: str) -> str:
    """Above the panel of a kind's controls."""
    return f"Control: {CONTROL_WORDS[kind]}"


def alone_says(says: str) -> str:
    """Of a family without a control."""
    return f"{says}; no control of its own"


def kind_says(of_kind: KindLocalisation, span: str | None) -> str:
    """Where a kind is made, or why that isn't known."""
    located = of_kind.located
    if located is not None:
        where = f"{cell_label(located.cell, span)}, {blocks_words(located.first, located.last, located.extent)}"
        return f"made by {where} {ends_words(located.interval)}, {located.families} of {located.of} families"
    why = of_kind.why_not_located
    return "undetermined" if why is None else f"undetermined: {why_not_located(why)}"


def control_says(controls: Mapping[str, FamilyResult], same: SharedWithControl | None) -> str:
    """Where a kind's controls are made, family by family; `same`: whether through the kind's blocks, None where the kind has none."""
    parts = parts_and_families(controls, len(controls))
    said = f"by family: {parts}" if parts else f"placed in 0 of {count(len(controls), 'family', 'families')}"
    return said if same is None else f"{said}; {_SHARED[same]}"


_SHARED: dict[SharedWithControl, str] = {
    "shared": "passes through the same blocks",
    "less": "does not pass through the same blocks",
    "open": "whether it passes through the same blocks stays open",
}


def family_says(family: FamilyResult) -> str:
    """Where a family is made, or why that isn't known."""
    if family.place is not None:
        return f"made by {place_words(family.place, family.span)} {ends_words(family.place.interval)}"
    why = family.why_not_placed
    return "not placed" if why is None else f"not placed: {why_not_placed(why, family.span)}"


def counts_in(counting: int, measured: int) -> str:
    """In how many families a cell counts; empty where none was measured."""
    return f"counts in {counting} of {count(measured, 'family', 'families')}" if measured else ""


def cell_note(cell: CellResult) -> str:
    """How the parts of a cell work together, or why it doesn't count."""
    if not cell.counts:
        return "" if cell.why_not is None else f"doesn't count: {NOT_COUNTED[cell.why_not]}"
    return "" if cell.reading is None else READINGS[cell.reading]


def family_and_ends(family: str, interval: tuple[int, int] | None) -> str:
    """`addition [21, 24]`."""
    return f"{family} {ends_words(interval)}"


def shared_place_says(first: int, last: int, families: Sequence[str]) -> str:
    """Of the outline of families that are made in the same blocks."""
    return f"made in {blocks_words(first, last)}: {', '.join(families)}"


def located_says(located: Located) -> str:
    """Of the outline of a kind's place."""
    where = f"{blocks_words(located.first, located.last)} {ends_words(located.interval)}"
    return f"{located.families} of {located.of} families: made in {where}"


def located_label(located: Located) -> str:
    """Beside it."""
    return f"makes: {blocks_words(located.first, located.last)}"


def locus_says(locus: Locus, first: int, last: int, span: str | None) -> str:
    """Of the outline of a locus: its role, and whether it carries the answer."""
    says = f"{ROLES[locus.role]}: {blocks_words(first, last)} of {cell_label(locus.cell, span)}"
    return says if locus.codes.slope is None else f"{says}, carries the answer with slope {locus.codes.slope:.2f}"
