"""Which figures does a run of `locate` have? All that its page shows, by view and by what can be chosen there."""

from __future__ import annotations

from strata.dashboards.figures.drawn import Choices, Figures
from strata.dashboards.figures.stage_map import drawn_stage_map
from strata.dashboards.view.build import Report


def locate_figures(report: Report) -> Figures:
    """In the light theme."""
    return {"stages": _stages(report)}


def _stages(report: Report) -> Choices:
    """By `kinds`, and by `family:NAME`."""
    localisation = report.localisation
    if localisation is None:
        return {}
    return {
        choice.id: {"wide": drawn_stage_map(localisation, choice.family, name=choice.text, aria=choice.aria)}
        for choice in report.view.localisation.choices
    }
