"""Beneath a map stand the marks that it holds, each with what it means there, and no others."""

from __future__ import annotations

from dataclasses import replace

from strata.dashboards.figures.map_key import AGAINST, key_of
from strata.dashboards.sentences.figures.stages import MARKS, Mark
from strata.dashboards.view.stage_panels import Outline, Panel, PanelCell
from strata.experiments.results.families import Handover
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import CELLS

WHOLE = Measured(value=0.5, interval=(0.4, 0.6))
PLAIN = Panel("knowledge", "", "subject", {cell: PanelCell(WHOLE, (0.1, 0.4), True, "") for cell in CELLS}, of={"kind": "knowledge"})  # fmt: skip


def marks(panel: Panel) -> set[Mark]:
    by_words = {words: mark for mark, words in MARKS.items()}
    return {by_words[words] for words in key_of([panel])}


def test_a_map_without_boxes_explains_none() -> None:
    assert marks(PLAIN) == {"crossed"} and key_of([Panel("control", "", empty="not asked")]) == []


def test_boxes_are_those_of_kinds_of_families_or_of_roles() -> None:
    place = Outline("move", 1, 1, "", interval=(0, 1), strong=True)
    assert marks(replace(PLAIN, outlines=(place,))) == {"crossed", "thick", "ends"}
    assert marks(replace(PLAIN, outlines=(replace(place, interval=None, families=("capital",)),))) == {
        "crossed",
        "thin",
    }
    of_family = replace(
        PLAIN, of={"family": "capital"}, outlines=(replace(place, role="relays"), replace(place, role="open"))
    )
    assert marks(of_family) == {"crossed", "relays", "open", "ends"}


def test_what_is_lost_faded_unmeasured_or_handed_over_is_explained() -> None:
    cells = {
        "enrich": PanelCell(WHOLE, (-0.9, 0.1), False, ""),  # the first is token identity
        "move": PanelCell(WHOLE, (0.0, AGAINST - 0.01), True, ""),
        "work_out": PanelCell(None, (), True, ""),
    }
    assert marks(replace(PLAIN, cells=cells)) == {"crossed", "pale", "against", "hatched"}
    handed = Handover(first=0, last=1)
    assert "handover" in marks(replace(PLAIN, handover=handed))


def test_in_a_map_of_changes_the_same_marks_mean_changes() -> None:
    cells = {cell: PanelCell(WHOLE, (0.1, -0.4), False, "") for cell in CELLS}
    changed = replace(PLAIN, cells=cells, outlines=(Outline("move", 1, 1, ""),), of_change=True)
    assert marks(changed) == {"crossed", "changed", "less", "unchanged"}
