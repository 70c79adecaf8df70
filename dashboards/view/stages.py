"""What does the page show of the places? A row a family, a row a cell of a kind, and which stage maps there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.dashboards.sentences.families import family_rows
from strata.dashboards.sentences.localisation import joined, sentences
from strata.dashboards.sentences.page_parts import NO_PLACES
from strata.dashboards.sentences.places import cell_label, span_words
from strata.dashboards.sentences.stage_rows import (
    counted_in,
    excess_words,
    family_map_aria,
    family_map_choice,
    gained_words,
    kinds_map_choice,
    measured_words,
)
from strata.dashboards.sentences.summary import FIRST_RULE
from strata.dashboards.view.choice_names import of_family
from strata.dashboards.view.heads import head_maps
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_places import Choice, KindCellView, LocalisationView, LocalisedState
from strata.dashboards.view.stage_tables import family_cells, head_sets, heads
from strata.experiments.results.kinds import CellOfKind, Localisation
from strata.experiments.results.locate_summary import Summary
from strata.experiments.results.locate_tables import HeadRow
from strata.probes.interventions.cells import CELLS, Cell, at_span

KINDS = "kinds"
"""The choice that stands first: knowledge and reasoning, each beside its control."""


def build_stages(summary: Summary, head_rows: Sequence[HeadRow] = ()) -> LocalisationView:
    """`localisation` of the view."""
    state = localised_state(summary)
    if state == "withdrawn":
        return LocalisationView(state=state, text=FIRST_RULE)
    localisation = summary.localisation
    rows = family_rows(localisation)
    if state == "not_run":
        return LocalisationView(state=state, text=NO_PLACES, rows=tuple(rows))
    choices = [Choice(id=KINDS, text=kinds_map_choice(tuple(localisation.kinds)), aria=joined(sentences(localisation)))]
    for row in rows:
        if localisation.families[row.family].cells:
            text = family_map_choice(row.family, row.kind)
            aria = family_map_aria(row.family, row.place, row.interval, row.why)
            choices.append(Choice(id=of_family(row.family), text=text, aria=aria, family=row.family))
    ordered = {row.family: localisation.families[row.family] for row in rows}
    return LocalisationView(
        state=state, text="", rows=tuple(rows), cells=tuple(_cells(localisation)), choices=tuple(choices),
        family_cells=tuple(row for name, family in ordered.items() for row in family_cells(name, family)),
        heads=tuple(row for name, family in ordered.items() for row in heads(name, family)),
        head_maps=tuple(head_maps(head_rows, localisation, tuple(ordered))),
        head_sets=tuple(row for name, family in ordered.items() for row in head_sets(name, family)),
    )  # fmt: skip


def localised_state(summary: Summary) -> LocalisedState:
    """Whether there are places to be shown."""
    if summary.withdrawn:
        return "withdrawn"
    measured = any(family.cells for family in summary.families.values())
    return "ok" if measured or any(kind.cells for kind in summary.kinds.values()) else "not_run"


def _cells(localisation: Localisation) -> Iterator[KindCellView]:
    """The same as the map, a row a kind and cell."""
    for kind in sorted(localisation.kinds, key=kind_order):
        members = [family for family in localisation.families.values() if family.kind == kind]
        span = span_words(family.span for family in members)
        for cell in CELLS:
            of_kind = localisation.kinds[kind].cells.get(cell)
            if of_kind is None:
                continue
            known = [f.cells[cell].counts for f in members if cell in f.cells and f.cells[cell].effect is not None]
            yield KindCellView(
                kind=kind, cell=cell, label=cell_label(cell, span), effect=measured_words(of_kind.effect),
                control=measured_words(of_kind.control), gained=_gained(cell, of_kind),
                excess=excess_words(of_kind.excess, of_kind.excess_p), counts=counted_in(known),
            )  # fmt: skip


def _gained(cell: Cell, of_kind: CellOfKind) -> str:
    """The three blocks at which most is gained, in the order of blocks."""
    first = int(at_span(cell))
    gains = [(gain, block) for block, gain in enumerate(of_kind.profile) if block >= first and gain is not None]
    most = sorted(block for gain, block in sorted(gains, reverse=True)[:3] if gain > 0)
    return gained_words({block: of_kind.profile[block] for block in most})
