"""What does the page show of the parts that carry a wrong answer? A row a cell."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.sentences.places import one_or_span
from strata.dashboards.sentences.stage_rows import counts_words, installed_words, measured_words, named_cell, or_dash
from strata.dashboards.view.behave.schema import CarriedRow
from strata.experiments.items.schema import Kind
from strata.experiments.results.pressure_cells import PressureCells


def carried_rows(cells: Mapping[Kind, PressureCells]) -> tuple[CarriedRow, ...]:
    """By kind; none of a kind that wasn't intervened on."""
    return tuple(
        CarriedRow(
            kind=kind,
            cell=named_cell(cell, of_kind.family.span),
            effect=measured_words(found.effect),
            beyond_third=installed_words(found),
            lost=or_dash(found.necessity),
            windows=", ".join(
                one_or_span(locus.first, locus.last) for locus in of_kind.family.loci if locus.cell == cell
            )
            or "–",
            counts=counts_words(found),
        )
        for kind, of_kind in cells.items()
        for cell, found in of_kind.family.cells.items()
    )
