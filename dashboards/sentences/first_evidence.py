"""How sure is what is stated first of a kind, by how much, and what do its controls say? One line each, above the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from strata.dashboards.number_formats import count
from strata.dashboards.sentences.family_places import draws_share
from strata.dashboards.sentences.figures.stages import measured_words
from strata.dashboards.sentences.places import cell_label, control_of, ends_words, span_words
from strata.dashboards.sentences.signed_numbers import signed, signed_interval
from strata.dashboards.visible_text import visible
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.kinds import KindLocalisation, Localisation
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import ALWAYS_WHOLE, CELLS


def evidence_lines(localisation: Localisation) -> list[str]:
    """`Knowledge: families' places hold in 49 % (animal_class) to 96 % of draws of entities; 2 of 4 controls share their family's part; …`; none of a kind without a place."""
    controls = [(n, f.contrast) for n, f in localisation.families.items() if f.kind == "control"]
    lines = []
    for kind in KNOWLEDGE_AND_REASONING:
        members = {n: f for n, f in localisation.families.items() if f.kind == kind and f.place is not None}
        if kind in localisation.kinds and members:
            of_kind = localisation.kinds[kind]
            parts = [
                _sure(of_kind, members),
                _controls(members, localisation.families, controls),
                _much(of_kind, members),
            ]
            lines.append(f"{kind.capitalize()}: {'; '.join(part for part in parts if part)}")
    return lines


def _sure(of_kind: KindLocalisation, members: Mapping[str, FamilyResult]) -> str:
    located = of_kind.located
    if located is not None:
        return f"95 % interval {ends_words(located.interval)}"
    supports = {name: family.place.support for name, family in members.items() if family.place is not None}
    unsure = min(supports, key=lambda name: supports[name])
    low, high = draws_share(supports[unsure]), draws_share(max(supports.values()))
    if low == high:
        return f"families' places hold in {low} of draws of entities"
    return f"families' places hold in {low} ({visible(unsure)}) to {high} of draws of entities"


def _controls(
    members: Mapping[str, FamilyResult], families: Mapping[str, FamilyResult], controls: list[tuple[str, str | None]]
) -> str:
    placed = same = 0
    for name, family in members.items():
        found = control_of(name, controls)
        other = None if found is None else families[found].place
        if other is not None and family.place is not None:
            placed += 1
            same += other.cell == family.place.cell
    if not placed:
        return "no control has a place"
    return f"{same} of {count(placed, 'control')} {'shares its' if placed == 1 else 'share their'} family's part"


def _much(of_kind: KindLocalisation, members: Mapping[str, FamilyResult]) -> str:
    """Of the kind's blocks, or of the part that makes most of its families."""
    located = of_kind.located
    if located is not None:
        if located.gained is None:
            return ""
        return _beside(f"{measured_words(located.gained)} of the answer gained there", located.excess)
    made = Counter(family.place.cell for family in members.values() if family.place is not None)
    by_size = sorted((cell for cell in CELLS if made[cell] and cell != ALWAYS_WHOLE), key=lambda cell: -made[cell])
    cell = next((cell for cell in by_size if cell in of_kind.cells), None)
    if cell is None or of_kind.cells[cell].effect is None:
        return ""
    found, label = of_kind.cells[cell], cell_label(cell, span_words(family.span for family in members.values()))
    return _beside(f"{label}: {measured_words(found.effect)} of the answer", found.excess)


def _beside(what: str, excess: Measured | None) -> str:
    if excess is None:
        return what
    if excess.interval is None:
        return f"{what}, {signed(excess.value)} beside the control's, without an interval"
    ends = signed_interval(*excess.interval)
    if excess.interval[0] <= 0 <= excess.interval[1]:
        return f"{what}, not shown to differ from the control's ({signed(excess.value)}{ends})"
    return f"{what}, {'over' if excess.value > 0 else 'under'} the control's by {signed(excess.value)}{ends}"
