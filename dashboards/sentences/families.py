"""What do the interventions say of every family? One row each: place, interval, roles, what its control says, why not."""

from __future__ import annotations

from dataclasses import dataclass

from strata.dashboards.sentences.family_places import draws_share
from strata.dashboards.sentences.places import (
    CONTROL_OF,
    ROLES,
    blocks_words,
    cell_label,
    control_of,
    ends_words,
    one_or_span,
    place_words,
)
from strata.dashboards.sentences.reasons import why_not_placed
from strata.experiments.items.schema import KINDS
from strata.experiments.results.families import FamilyResult, Locus
from strata.experiments.results.kinds import Localisation

COLUMNS = ("family", "answer made by", "95 % interval", "roles", "its control is made by")


COMPACT = ("family", "place", "95 %", "role", "its control")
"""Of a terminal: cells by their names, see `compact_rows`."""


@dataclass(frozen=True)
class FamilyRow:
    """A family in words."""

    family: str
    kind: str
    place: str
    """`attention at the last token, blocks 21–23`; empty where there is none."""
    interval: str
    roles: tuple[str, ...]
    """Every locus in the order of processing: `prepares: MLP at the subject, blocks 1–11`, `makes: …`."""
    control: str
    """Where the control that is matched to it is made, or why that is unknown; empty: it can have none."""
    why: str
    """Why it isn't placed; empty where it is."""
    note: str
    """In how many draws the place is in this cell, and what depends on the threshold for carrying the answer."""
    pairs: int
    entities: int

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """A row under `COLUMNS`."""
        place = self.place or f"not placed: {self.why}"
        return (
            self.family,
            f"{place}{f' ({self.note})' if self.note else ''}",
            self.interval,
            "; ".join(self.roles),
            self.control,
        )


def family_rows(localisation: Localisation) -> list[FamilyRow]:
    """By kind, controls last, then by name."""
    families = localisation.families
    ordered = sorted(families, key=lambda name: (KINDS.index(families[name].kind), name))
    return [_row(name, families[name], localisation) for name in ordered]


def _row(name: str, family: FamilyResult, localisation: Localisation) -> FamilyRow:
    place, part = family.place, family.place_in_part
    notes = [] if part is None else [f"if carrying it in part is enough: {place_words(part, family.span)}"]
    if place is not None:
        notes.insert(0, f"in {draws_share(place.support)} of draws of entities")
    return FamilyRow(
        family=name,
        kind=family.kind,
        place="" if place is None else place_words(place, family.span),
        interval="" if place is None else ends_words(place.interval),
        roles=tuple(locus_words(family.as_placed(locus), family.span) for locus in family.loci),
        control=_control(name, localisation),
        why=_why(family) if place is None else "",
        note="; ".join(notes),
        pairs=family.pairs,
        entities=family.entities,
    )


def found_words(name: str, family: FamilyResult, model: str | None = None) -> str:
    """`capital: made by attention at the last token, block 23`, while a run goes on. `model`: what a comparison calls it."""
    whose = name if model is None else f"{model}, {name}"
    if family.place is None:
        return f"{whose}: not placed: {_why(family)}"
    return f"{whose}: made by {place_words(family.place, family.span)}"


def _why(family: FamilyResult) -> str:
    why = family.why_not_placed
    return "no reason is recorded" if why is None else why_not_placed(why, family.span)


def locus_words(locus: Locus, span: str | None = None) -> str:
    """`makes: attention at the last token, blocks 21–23`."""
    return f"{ROLES[locus.role]}: {cell_label(locus.cell, span)}, {blocks_words(locus.first, locus.last)}"


def _control(name: str, localisation: Localisation) -> str:
    kind = localisation.families[name].kind
    if kind == "control":
        return ""
    found = control_of(name, _controls(localisation))
    if found is None:
        return "no control was asked" if kind in CONTROL_OF else ""
    control = localisation.families[found]
    if control.place is not None:
        return f"{place_words(control.place, control.span)} {ends_words(control.place.interval)}"
    return (
        "not placed"
        if control.why_not_placed is None
        else f"not placed: {why_not_placed(control.why_not_placed, control.span)}"
    )


def compact_rows(localisation: Localisation) -> list[tuple[str, str, str, str, str]]:
    """Under `COMPACT`: `move 21–23`, its interval, its role, and the control's place; what only acts where nothing is placed."""
    controls = _controls(localisation)
    rows = []
    for row in family_rows(localisation):
        family = localisation.families[row.family]
        control = None if family.kind == "control" else control_of(row.family, controls)
        beside = "" if control is None else _short(localisation.families[control])
        loci = ", ".join(f"{locus.cell} {one_or_span(locus.first, locus.last)}" for locus in family.loci)
        roles = ", ".join(dict.fromkeys(ROLES[locus.role] for locus in family.loci))
        rows.append(
            (row.family, _both(family), row.interval, "makes", beside)
            if family.place is not None
            else (row.family, loci or "not placed", "", roles, beside)
        )
    return rows


def _controls(localisation: Localisation) -> list[tuple[str, str | None]]:
    return [(name, family.contrast) for name, family in localisation.families.items() if family.kind == "control"]


def _both(family: FamilyResult) -> str:
    """The place, and the earlier one that carries the answer in part."""
    part = family.place_in_part
    return (
        _short(family)
        if part is None
        else f"{_short(family)} (in part {part.cell} {one_or_span(part.first, part.last)})"
    )


def _short(family: FamilyResult) -> str:
    place = family.place
    return "not placed" if place is None else f"{place.cell} {one_or_span(place.first, place.last)}"
