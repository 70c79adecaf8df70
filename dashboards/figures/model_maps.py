"""What did training change on the way from input to answer? The stage maps of all models and their difference, in one scale.

A row of panels a kind (or one family): base, distilled, control, and what changed from base to distilled on the pairs that both
answer. Red: less is gained there than before, or the answer is lost there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from strata.dashboards.figures.figure_values import Drawn, Width
from strata.dashboards.figures.map_key import AGAINST
from strata.dashboards.figures.palette import Theme
from strata.dashboards.figures.panel_grid import Scale, beside, grid_json, grid_table
from strata.dashboards.sentences.figures.stages import (
    HINT,
    NOT_ASKED,
    NOTE,
    SCALE_WITH_CHANGE,
    maps_title,
    model_panel,
)
from strata.dashboards.view.choice_names import of_family
from strata.dashboards.view.comparison.cells import MapsOfModels
from strata.dashboards.view.stage_panels import Panel, family_panel, kind_panel, profiles
from strata.probes.interventions.cells import at_span


def model_maps(
    maps: MapsOfModels,
    family: str | None = None,
    *,
    name: str,
    aria: str,
    width: Width = "wide",
    theme: Theme = "light",
) -> Drawn:
    """All kinds, a row each, or one family. `name`: what is shown; `aria`: where something changed, as a sentence.

    Wide: all panels of a row beside each other; narrow: two, on a phone one. All figures of a comparison have one colour scale, that of the
    largest gain in any model, or change of one. Raises KeyError for a family without a panel of changes.
    """
    rows = model_panels(maps) if family is None else [[*_family(maps, family), maps.differences[of_family(family)]]]
    columns = {"wide": max(map(len, rows)), "narrow": 2, "phone": 1}[width]
    rows = [row[start : start + columns] for row in rows for start in range(0, len(row), columns)]
    figure = grid_json(rows, beside(columns, width), maps.n_layers, _scale(maps), theme)
    return Drawn(figure["data"], figure["layout"], maps_title(name), aria, NOTE, grid_table(figure), hint=HINT)


def _scale(maps: MapsOfModels) -> Scale:
    gains = [gain for localisation in maps.models.values() for gain in profiles(localisation)]
    gains += [gain for panel in maps.differences.values() for gain in _changes(panel)]
    return Scale(max([0.1, *map(abs, gains)]), any(gain < AGAINST for gain in gains), SCALE_WITH_CHANGE)


def model_panels(maps: MapsOfModels) -> list[list[Panel]]:
    """A row a kind: its map in every model, then what changed from base to distilled."""
    return [[*_kind(maps, kind), maps.differences[kind]] for kind in maps.kinds]


def _kind(maps: MapsOfModels, kind: str) -> list[Panel]:
    return [
        replace(kind_panel(kind, localisation), title=model_panel(kind.capitalize(), role))
        for role, localisation in maps.models.items()
    ]


def _family(maps: MapsOfModels, name: str) -> list[Panel]:
    return [
        family_panel(name, localisation.families[name], model_panel(name, role))
        if name in localisation.families
        else Panel(model_panel(name, role), "", empty=NOT_ASKED)
        for role, localisation in maps.models.items()
    ]


def _changes(panel: Panel) -> Iterator[float]:
    for cell, of_cell in panel.cells.items():
        yield from (change for change in of_cell.profile[int(at_span(cell)) :] if change is not None)
