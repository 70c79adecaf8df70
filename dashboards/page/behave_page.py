"""From a finished `strata behave` to its page: one report.html that opens by double click, with view.json beside it."""

from __future__ import annotations

from pathlib import Path

from strata.dashboards.figures.behaviour_curves import behave_figures
from strata.dashboards.page.assets import BEHAVE_SCRIPTS, script
from strata.dashboards.page.document import document, head_line, own_version, view_element
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_page import write_page
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.view.behave.build import build_behave_view
from strata.dashboards.view.behave.schema import BEHAVE_VIEW_FILE, BehaveView


def write_behave_report(run_dir: Path, around: PageContext = ALONE) -> Path:
    """Builds and writes the page of the run in `run_dir`; returns the path of report.html.

    Raises StrataError when a file is absent or broken, DoesNotFitError when the disk is full.
    """
    view = build_behave_view(run_dir)
    page = render_behave(view, around).encode("utf-8", "replace")
    sized = view.model_copy(update={"sizes": {"report_bytes": len(page)}})
    return write_page(run_dir, BEHAVE_VIEW_FILE, sized, page)


def render_behave(view: BehaveView, around: PageContext = ALONE) -> str:
    """The page of a view."""
    plain = view.as_json()
    body = render(
        "behave/page.html",
        view=plain,
        facts=head_line(view.models[0], view.run),
        version=own_version(view.provenance.versions),
    )
    shown = {name: value for name, value in plain.items() if name not in ("provenance", "sizes")}
    data = view_element(shown) + figures_element(behave_figures(view))
    sentences = tuple(s for part in view.confidence for s in (part.number, *part.sentences))
    link = plain_link(
        link_title(sentences[0] if sentences else view.run.title, [view.models[0].label]), sentences, len(view.warnings)
    )
    return document(link.at(around.address), body, script(BEHAVE_SCRIPTS), data)
