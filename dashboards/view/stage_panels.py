"""What does each panel of the stage map hold? Cells with their effect and profile, places to outline, the handover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strata.dashboards.sentences.localisation import ORDERED_KINDS
from strata.dashboards.sentences.places import (
    CONTROL_OF,
    CONTROL_WORDS,
    READINGS,
    ROLES,
    blocks_words,
    cell_label,
    control_of,
    ends_words,
    place_words,
    span_words,
)
from strata.dashboards.sentences.reasons import NOT_COUNTED, why_not_located, why_not_placed
from strata.dashboards.text import count
from strata.experiments.results.families import CellResult, FamilyResult, Handover, Role
from strata.experiments.results.kinds import KindLocalisation, Localisation
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import CELLS, Cell, at_span

NO_PAIR = "no intervention was made on its items"


@dataclass(frozen=True)
class PanelCell:
    """One row of a panel."""

    effect: Measured | None
    """Of the whole cell. None: not measured."""
    profile: tuple[float | None, ...]
    """By block: how much of the effect is gained there. Empty: not measured."""
    counts: bool
    note: str
    """In how many families it counts, or why it doesn't."""


@dataclass(frozen=True)
class Outline:
    """A place that is drawn around blocks of a cell."""

    cell: Cell
    first: int
    last: int
    says: str
    """For the reader who points at it."""
    role: Role = "makes"
    label: str = ""
    interval: tuple[int, int] | None = None
    strong: bool = False
    """The place that the sentence names."""


@dataclass(frozen=True)
class Panel:
    """A kind or a family, or its control."""

    title: str
    says: str
    """Where its answers are made, or why that isn't known."""
    span: str | None = None
    cells: Mapping[Cell, PanelCell] = field(default_factory=dict)
    outlines: tuple[Outline, ...] = ()
    handover: Handover | None = None
    empty: str = ""
    """What stands in place of cells where there are none."""


def kind_panels(localisation: Localisation) -> list[list[Panel]]:
    """A row a kind: its own panel, then its matched control's where it can have one."""
    asked = [kind for kind in ORDERED_KINDS if kind in localisation.kinds]
    return [
        [kind_panel(kind, localisation), *([_control_of_kind(kind, localisation)] if kind in CONTROL_OF else [])]
        for kind in asked or [kind for kind in localisation.kinds if kind != "control"] or list(localisation.kinds)
    ]


def family_panels(localisation: Localisation, name: str) -> list[list[Panel]]:
    """One row: the family, then the control that is matched to it, where there is one."""
    families = localisation.families
    panel = family_panel(name, families[name], name)
    controls = [(n, family.contrast) for n, family in families.items() if family.kind == "control"]
    control = None if families[name].kind == "control" else control_of(name, controls)
    if control is not None:
        return [[panel, family_panel(control, families[control], f"control: {control}")]]
    alone = "" if families[name].kind == "control" else "; no control of its own"
    return [[replace(panel, says=f"{panel.says}{alone}")]]


def profiles(localisation: Localisation) -> Iterator[float]:
    """Every number that a map of this run may colour: token identity apart."""
    for kind in localisation.kinds.values():
        for cell, of_kind in kind.cells.items():
            yield from _coloured(cell, of_kind.profile)
            yield from _coloured(cell, of_kind.control_profile)
    for family in localisation.families.values():
        for cell, of_family in family.cells.items():
            yield from _coloured(cell, of_family.profile)


def _coloured(cell: Cell, profile: Sequence[float | None]) -> Iterator[float]:
    yield from (gain for gain in known(profile)[int(at_span(cell)) :] if gain is not None)


def known(profile: Sequence[float | None]) -> tuple[float | None, ...]:
    """The same with None for what is no number."""
    return tuple(gain if gain is not None and math.isfinite(gain) else None for gain in profile)


def kind_panel(kind: str, localisation: Localisation) -> Panel:
    """Means over the families of a kind. Raises KeyError for a kind that the run doesn't hold."""
    of_kind = localisation.kinds[kind]
    members = {name: family for name, family in localisation.families.items() if family.kind == kind}
    cells = {
        cell: _cell_of_kind(cell, of_kind.cells[cell].effect, of_kind.cells[cell].profile, members.values())
        for cell in CELLS
        if cell in of_kind.cells and any(one.effect is not None for one in of_kind.cells.values())
    }
    span = span_words(family.span for family in members.values())
    return Panel(
        kind.capitalize(), _says(of_kind, span), span, cells,
        (*_places(members), *_located(of_kind)), of_kind.handover, "" if cells else NO_PAIR,
    )  # fmt: skip


def _says(of_kind: KindLocalisation, span: str | None) -> str:
    located = of_kind.located
    if located is not None:
        where = f"{cell_label(located.cell, span)}, {blocks_words(located.first, located.last, located.extent)}"
        return f"made by {where} {ends_words(located.interval)}, {located.families} of {located.of} families"
    why = of_kind.why_not_located
    return "undetermined" if why is None else f"undetermined: {why_not_located(why)}"


def _control_of_kind(kind: str, localisation: Localisation) -> Panel:
    of_kind = localisation.kinds[kind]
    contrasts = {CONTROL_OF[kind], *(name for name, family in localisation.families.items() if family.kind == kind)}
    members = {
        name: family
        for name, family in localisation.families.items()
        if family.kind == "control" and family.contrast in contrasts
    }
    cells = {
        cell: _cell_of_kind(cell, of_kind.cells[cell].control, of_kind.cells[cell].control_profile, members.values())
        for cell in CELLS
        if cell in of_kind.cells and of_kind.cells[cell].control is not None
    }
    says = _control_says(members, of_kind) if members else ""
    return Panel(
        f"Control: {CONTROL_WORDS[kind]}", says, span_words(f.span for f in members.values()), cells,
        tuple(_places(members)), None, "" if cells else "no matched control was measured",
    )  # fmt: skip


def _control_says(members: Mapping[str, FamilyResult], of_kind: KindLocalisation) -> str:
    placed = [family for family in members.values() if family.place is not None]
    where = {cell_label(family.place.cell, family.span) for family in placed if family.place is not None}
    said = f"in {len(placed)} of {count(len(members), 'family', 'families')}"
    said = f"made by {' or by '.join(sorted(where))} {said}" if where else f"placed {said}"
    same = None if of_kind.located is None else of_kind.located.shared_with_control
    return said if same is None else f"{said}; {'passes' if same else 'does not pass'} through the same blocks"


def _cell_of_kind(
    cell: Cell, effect: Measured | None, profile: tuple[float | None, ...], members: Iterable[FamilyResult]
) -> PanelCell:
    measured = [f.cells[cell] for f in members if cell in f.cells and f.cells[cell].effect is not None]
    counting = sum(one.counts for one in measured)
    note = f"counts in {counting} of {count(len(measured), 'family', 'families')}" if measured else ""
    return PanelCell(effect, known(profile), counting > 0 or not measured, note)


def _places(members: Mapping[str, FamilyResult]) -> Iterator[Outline]:
    """One outline for all families that are made in the same blocks."""
    together: dict[tuple[Cell, int, int], list[str]] = {}
    for name, family in members.items():
        if family.place is not None:
            place = family.place
            together.setdefault((place.cell, place.first, place.last), []).append(
                f"{name} {ends_words(place.interval)}"
            )
    for (cell, first, last), names in together.items():
        yield Outline(cell, first, last, f"made in {blocks_words(first, last)}: {', '.join(names)}")


def _located(of_kind: KindLocalisation) -> Iterator[Outline]:
    located = of_kind.located
    if located is not None:
        where = blocks_words(located.first, located.last)
        says = f"{located.families} of {located.of} families: made in {where} {ends_words(located.interval)}"
        yield Outline(
            located.cell, located.first, located.last, says, "makes", f"makes: {where}", located.interval, True
        )


def family_panel(name: str, family: FamilyResult, title: str) -> Panel:
    """One family with every locus and its role."""
    cells = {cell: _cell_of_family(family.cells[cell]) for cell in CELLS if cell in family.cells}
    place = family.place
    if place is not None:
        says = f"made by {place_words(place, family.span)} {ends_words(place.interval)}"
    else:
        why = family.why_not_placed
        says = "not placed" if why is None else f"not placed: {why_not_placed(why, family.span)}"
    return Panel(
        title, says, family.span, cells, tuple(_loci(family)), family.handover, "" if cells else NO_PAIR
    )  # fmt: skip


def _loci(family: FamilyResult) -> Iterator[Outline]:
    place = family.place
    for locus in family.loci:
        is_place = place is not None and locus.role == "makes" and (locus.cell == place.cell)
        first, last = (place.first, place.last) if is_place and place is not None else (locus.first, locus.last)
        coded = locus.codes.slope
        says = f"{ROLES[locus.role]}: {blocks_words(first, last)} of {cell_label(locus.cell, family.span)}"
        says += "" if coded is None else f", carries the answer with slope {coded:.2f}"
        yield Outline(
            locus.cell, first, last, says, locus.role, ROLES[locus.role], place.interval if is_place and place is not None else None, is_place
        )  # fmt: skip


def _cell_of_family(cell: CellResult) -> PanelCell:
    note = READINGS[cell.reading] if cell.counts and cell.reading is not None else ""
    if not cell.counts and cell.why_not is not None:
        note = f"doesn't count: {NOT_COUNTED[cell.why_not]}"
    return PanelCell(cell.effect, known(cell.profile), cell.counts, note)
