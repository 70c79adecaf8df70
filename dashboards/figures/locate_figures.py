"""Which figures does a run of `locate` have? All that its page shows, by view and by what can be chosen there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from strata.dashboards.figures.causal_curves import all_causal_curves
from strata.dashboards.figures.causal_map import all_causal_maps
from strata.dashboards.figures.curves import all_curves
from strata.dashboards.figures.emergence import emergence
from strata.dashboards.figures.family_map import family_map
from strata.dashboards.figures.figure_values import WIDTHS, Choices, Drawn, Figures, Width
from strata.dashboards.figures.head_map import head_map
from strata.dashboards.figures.stage_map import drawn_stage_map
from strata.dashboards.view.build import Report


def locate_figures(report: Report) -> Figures:
    """In the light theme."""
    view = report.view
    return {
        "stages": _stages(report),
        "heads": {
            shown.family: _laid_out(partial(head_map, shown, view.axes)) for shown in view.localisation.head_maps
        },
        "curves": {name: {"wide": drawn} for name, drawn in (all_curves(view) | all_causal_curves(view)).items()},
        "map": {shown.id: _laid_out(partial(family_map, shown, view.axes)) for shown in view.maps},
        "emergence": {"kinds": {"wide": emergence(view.emergence, view.axes)}} if view.emergence.state == "ok" else {},
        "causal": all_causal_maps(view),
    }


def _laid_out(draw: Callable[[Width], Drawn]) -> dict[Width, Drawn]:
    return {"wide": draw("wide"), "narrow": draw("narrow")}


def _stages(report: Report) -> Choices:
    """By the choices of the page's list."""
    localisation = report.localisation
    if localisation is None:
        return {}
    return {
        choice.id: {
            width: drawn_stage_map(localisation, choice.family, name=choice.text, aria=choice.aria, width=width)
            for width in WIDTHS
        }
        for choice in report.view.localisation.choices
    }
