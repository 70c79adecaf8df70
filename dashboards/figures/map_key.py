"""Which marks does a map of cells and blocks hold? Only those are explained beneath it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strata.dashboards.sentences.figures.stages import MARKS, Mark
from strata.dashboards.view.stage_panels import Outline, Panel, PanelCell
from strata.probes.interventions.cells import CELLS, Cell, at_span

AGAINST = -0.02
"""Gains below this are marked as working against the answer."""


def key_of(panels: Sequence[Panel]) -> list[str]:
    """A phrase for each kind of mark in the panels, always in the same order."""
    shown = {mark for panel in panels for mark in _of_panel(panel)}
    return [words for mark, words in MARKS.items() if mark in shown]


def _of_panel(panel: Panel) -> Iterator[Mark]:
    for outline in panel.outlines:
        yield "changed" if panel.of_change else _of_outline(outline, of_family="family" in panel.of)
        if outline.interval is not None:
            yield "ends"
    if panel.handover is not None and panel.cells:
        yield "handover"
    for cell, of_cell in panel.cells.items():
        yield from _of_cell(cell, of_cell, of_change=panel.of_change)
    if len(panel.cells) < len(CELLS) and panel.cells:
        yield "hatched"


def _of_outline(outline: Outline, *, of_family: bool) -> Mark:
    if outline.families:
        return "thin"
    return outline.role if of_family else "thick"


def _of_cell(cell: Cell, of_cell: PanelCell, *, of_change: bool) -> Iterator[Mark]:
    if of_cell.effect is None or not of_cell.profile:
        yield "hatched"
        return
    apart = int(at_span(cell))
    if apart:
        yield "crossed"
    if not of_cell.counts:
        yield "unchanged" if of_change else "pale"
    if any(gain is not None and gain < AGAINST for gain in of_cell.profile[apart:]):
        yield "less" if of_change else "against"
