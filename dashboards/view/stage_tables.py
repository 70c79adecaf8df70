"""What does the page list of one family beside its place? Its cells and its attention heads, a row each, in words."""

from __future__ import annotations

from collections.abc import Iterator

from strata.dashboards.number_formats import number
from strata.dashboards.sentences.places import READINGS
from strata.dashboards.sentences.stage_rows import (
    CODING,
    counts_words,
    heads_words,
    installed_words,
    measured_words,
    named_cell,
    or_dash,
)
from strata.dashboards.view.schema_places import FamilyCellView, HeadSetView, HeadView
from strata.experiments.results.families import CellResult, FamilyResult
from strata.probes.interventions.cells import CELLS

MAX_HEADS = 12
"""Heads listed of a family, those of the largest effect; all are in summary.json."""


def family_cells(name: str, family: FamilyResult) -> Iterator[FamilyCellView]:
    """In the order from input to answer; cells that were not measured are rows too."""
    for cell in CELLS if family.cells else ():
        found = family.cells.get(cell, CellResult(effect=None, counts=False))
        yield FamilyCellView(
            family=name, cell=cell, label=named_cell(cell, family.span), effect=measured_words(found.effect),
            denoise=or_dash(found.denoise), noise=or_dash(found.noise),
            install=installed_words(found),
            necessity=or_dash(found.necessity), reading="–" if found.reading is None else READINGS[found.reading],
            counts=counts_words(found), attribution=number(family.attribution.get(cell)),
        )  # fmt: skip


def heads(name: str, family: FamilyResult) -> Iterator[HeadView]:
    """The heads of the largest effect."""
    for head in sorted(family.heads, key=lambda head: -abs(head.effect.value))[:MAX_HEADS]:
        yield HeadView(
            family=name, label=named_cell(head.cell, family.span), head=f"{head.layer}.{head.head}",
            effect=measured_words(head.effect), p=number(head.p, 3), install=number(head.install),
            codes="–" if head.codes is None else CODING[head.codes.verdict], attention=number(head.attention),
        )  # fmt: skip


def head_sets(name: str, family: FamilyResult) -> Iterator[HeadSetView]:
    """Sets of heads with their held-out effect, and the knockout of what they read."""
    for chosen in family.head_sets:
        yield HeadSetView(
            family=name, label=named_cell(chosen.cell, family.span),
            heads=heads_words(chosen.heads), effect=measured_words(chosen.effect),
            effect_of_choice=number(chosen.effect_of_choice), knockout=or_dash(family.knockout if chosen.cell == "move" else None),
        )  # fmt: skip
