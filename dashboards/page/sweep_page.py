"""From a finished `strata sweep` to its page: one report.html that opens by double click, with view.json beside it."""

from __future__ import annotations

from pathlib import Path

from strata.dashboards.figures.trajectories import sweep_figures
from strata.dashboards.page.assets import SWEEP_SCRIPTS, script
from strata.dashboards.page.document import document, own_version, view_element
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_page import write_page
from strata.dashboards.sentences.page_parts import sweep_head
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.view.sweep.build import build_sweep_view
from strata.dashboards.view.sweep.schema import SWEEP_VIEW_FILE, SweepView


def write_sweep_report(run_dir: Path, around: PageContext = ALONE) -> Path:
    """Builds and writes the page of the sweep in `run_dir`; returns the path of report.html.

    Raises StrataError when a file is absent or broken, DoesNotFitError when the disk is full.
    """
    view = build_sweep_view(run_dir)
    page = render_sweep(view, around).encode("utf-8", "replace")
    sized = view.model_copy(update={"sizes": {"report_bytes": len(page)}})
    return write_page(run_dir, SWEEP_VIEW_FILE, sized, page)


def render_sweep(view: SweepView, around: PageContext = ALONE) -> str:
    """The page of a view."""
    plain = view.as_json()
    run = view.run
    body = render(
        "sweep/page.html",
        view=plain,
        facts=sweep_head(view.axis.name, run.run_id, run.started),
        version=own_version(view.provenance.versions),
    )
    # The page chooses among figures by these; the numbers are in the figures.
    panels = [{"view": panel.view, "subject": panel.subject, "label": panel.label} for panel in view.panels]
    data = f"{view_element({'run': plain['run'], 'panels': panels})}\n{figures_element(sweep_figures(view))}"
    finding = view.sentences[0] if view.sentences else run.title
    link = plain_link(link_title(finding, [run.title]), view.sentences, len(view.warnings)).at(around.address)
    return document(link, body, script(SWEEP_SCRIPTS), data)
