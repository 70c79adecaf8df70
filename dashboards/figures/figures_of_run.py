"""Which figures does a finished run have? All that its page shows, by view and choice, without making the page."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from strata.dashboards.figures.behaviour_curves import behave_figures
from strata.dashboards.figures.comparison_figures import comparison_figures
from strata.dashboards.figures.figure_values import Figures
from strata.dashboards.figures.locate_figures import locate_figures
from strata.dashboards.figures.probe_figures import probe_figures
from strata.dashboards.figures.trajectories import sweep_figures
from strata.dashboards.sentences.figures.layers import models_and_run
from strata.dashboards.view.behave.build import build_behave_view
from strata.dashboards.view.build import build_report
from strata.dashboards.view.comparison.build import build_comparison
from strata.dashboards.view.comparison.cells import maps_of_models
from strata.dashboards.view.comparison.files import read_comparison
from strata.dashboards.view.probe import build_probe_view
from strata.dashboards.view.sweep.build import build_sweep_view
from strata.experiments.run.files import read_manifest
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class FiguresOfRun:
    """Figures, and whose they are."""

    figures: Figures
    named: str
    """Models and run, as they stand on an exported figure."""


def of_views(run: FiguresOfRun, views: Sequence[str]) -> FiguresOfRun:
    """The figures of some views alone, in the run's order; none named: all. Raises StrataError for a view that has none in this run."""
    there = [view for view, choices in run.figures.items() if choices]
    for view in views:
        if view not in there:
            near = difflib.get_close_matches(view, there, 1)
            raise StrataError(
                f"This run has no figures of {view!r}",
                f"{f'Did you mean {near[0]}? ' if near else ''}It has {', '.join(there)}",
            )
    return replace(run, figures={view: run.figures[view] for view in there if view in views or not views})


def figures_of_run(directory: Path) -> FiguresOfRun:
    """Of a run of any verb. Raises StrataError where a table is absent or broken."""
    verb = read_manifest(directory).verb
    if verb == "locate":
        report = build_report(directory)
        return FiguresOfRun(locate_figures(report), models_and_run(report.view.models[0].label, report.view.run.run_id))
    if verb == "compare":
        run = read_comparison(directory)
        view = build_comparison(run)
        models = ", ".join(f"{model.key}: {model.label}" for model in view.models)
        return FiguresOfRun(comparison_figures(view, maps_of_models(run)), models_and_run(models, view.run.run_id))
    if verb == "behave":
        behaved = build_behave_view(directory)
        return FiguresOfRun(behave_figures(behaved), models_and_run(behaved.models[0].label, behaved.run.run_id))
    if verb == "sweep":
        swept = build_sweep_view(directory)
        return FiguresOfRun(sweep_figures(swept), models_and_run(swept.run.title, swept.run.run_id))
    probed = build_probe_view(directory)
    return FiguresOfRun(probe_figures(probed), models_and_run(probed.models[0].label, probed.run.run_id))
