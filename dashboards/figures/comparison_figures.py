"""Which figures does a comparison have? All that its page shows, by view and by what can be chosen there."""

from __future__ import annotations

from strata.dashboards.figures.drawn import Choices, Figures, Width
from strata.dashboards.figures.model_maps import model_maps
from strata.dashboards.view.comparison.cells import MapsOfModels
from strata.dashboards.view.comparison.schema import ComparisonView

_TWO: tuple[Width, ...] = ("wide", "narrow")


def comparison_figures(view: ComparisonView, maps: MapsOfModels | None) -> Figures:
    """In the light theme. `maps`: of the same run as the view."""
    return {"stages": _stages(view, maps)}


def _stages(view: ComparisonView, maps: MapsOfModels | None) -> Choices:
    """By `kinds`, and by `family:NAME`."""
    if maps is None:
        return {}
    return {
        choice.id: {
            width: model_maps(maps, choice.family, name=choice.text, aria=choice.aria, width=width) for width in _TWO
        }
        for choice in view.stages.choices
    }
