"""What does each panel of the stage map hold? Cells with their effect and profile, places to outline, the handover."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from strata.dashboards.sentences.places import CONTROL_OF, ROLES, control_of, span_words
from strata.dashboards.sentences.stage_maps import (
    NO_CONTROL,
    NO_PAIR,
    alone_says,
    cell_note,
    control_of_kind_title,
    control_says,
    control_title,
    counts_in,
    family_and_ends,
    family_says,
    kind_says,
    located_label,
    located_says,
    locus_says,
    shared_place_says,
)
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.families import CellResult, FamilyResult, Handover, Role
from strata.experiments.results.kinds import KindLocalisation, Localisation
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import CELLS, Cell, at_span


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
    families: tuple[str, ...] = ()
    """Whose place it is, where it isn't the kind's or the panel's own."""


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
    of: Mapping[Literal["kind", "family"], str] = field(default_factory=dict)
    """Whose items it is about."""
    of_change: bool = False
    """Whether it shows what changed between two models: its boxes and colours are changes."""


def kind_panels(localisation: Localisation) -> list[list[Panel]]:
    """A row a kind: its own panel, then its matched control's where it can have one."""
    asked: list[str] = [kind for kind in KNOWLEDGE_AND_REASONING if kind in localisation.kinds]
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
        return [[panel, family_panel(control, families[control], control_title(control))]]
    return [[panel if families[name].kind == "control" else replace(panel, says=alone_says(panel.says))]]


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
        kind.capitalize(), kind_says(of_kind, span), span, cells,
        (*_places(members), *_located(of_kind)), of_kind.handover, "" if cells else NO_PAIR, {"kind": kind},
    )  # fmt: skip


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
    same = None if of_kind.located is None else of_kind.located.shared_with_control
    says = control_says(members, same) if members else ""
    return Panel(
        control_of_kind_title(kind), says, span_words(f.span for f in members.values()), cells,
        tuple(_places(members)), None, "" if cells else NO_CONTROL, {"kind": "control"},
    )  # fmt: skip


def _cell_of_kind(
    cell: Cell, effect: Measured | None, profile: tuple[float | None, ...], members: Iterable[FamilyResult]
) -> PanelCell:
    measured = [f.cells[cell] for f in members if cell in f.cells and f.cells[cell].effect is not None]
    counting = sum(one.counts for one in measured)
    return PanelCell(effect, known(profile), counting > 0 or not measured, counts_in(counting, len(measured)))


def _places(members: Mapping[str, FamilyResult]) -> Iterator[Outline]:
    """One outline for all families that are made in the same blocks."""
    together: dict[tuple[Cell, int, int], dict[str, str]] = {}
    for name, family in members.items():
        if family.place is not None:
            place = family.place
            together.setdefault((place.cell, place.first, place.last), {})[name] = family_and_ends(name, place.interval)
    for (cell, first, last), names in together.items():
        yield Outline(cell, first, last, shared_place_says(first, last, [*names.values()]), families=tuple(names))


def _located(of_kind: KindLocalisation) -> Iterator[Outline]:
    located = of_kind.located
    if located is not None:
        yield Outline(
            located.cell, located.first, located.last, located_says(located), "makes", located_label(located), located.interval, True
        )  # fmt: skip


def family_panel(name: str, family: FamilyResult, title: str) -> Panel:
    """One family with every locus and its role."""
    cells = {cell: _cell_of_family(family.cells[cell]) for cell in CELLS if cell in family.cells}
    return Panel(
        title, family_says(family), family.span, cells, tuple(_loci(family)), family.handover, "" if cells else NO_PAIR, {"family": name},
    )  # fmt: skip


def _loci(family: FamilyResult) -> Iterator[Outline]:
    for found in family.loci:
        locus, is_place = family.as_placed(found), family.is_place(found)
        interval = family.place.interval if is_place and family.place is not None else None
        says = locus_says(locus, locus.first, locus.last, family.span)
        yield Outline(locus.cell, locus.first, locus.last, says, locus.role, ROLES[locus.role], interval, is_place)


def _cell_of_family(cell: CellResult) -> PanelCell:
    return PanelCell(cell.effect, known(cell.profile), cell.counts, cell_note(cell))
