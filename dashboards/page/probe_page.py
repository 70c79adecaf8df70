"""From a finished `strata probe` to its page: one report.html that opens by double click, with view.json beside it."""

from __future__ import annotations

from pathlib import Path

from strata.dashboards.figures.probe_figures import probe_figures
from strata.dashboards.page.assets import PROBE_SCRIPTS, script
from strata.dashboards.page.document import document, head_line, own_version, view_element
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_page import write_page
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.view.probe import build_probe_view
from strata.dashboards.view.schema_probe import PROBE_VIEW_FILE, ProbeView

LONGEST_PROMPT = 240
"""Characters of a prompt in the table of hard items; of a longer one the end is shown."""
_STYLE = """
.verdict h3 { margin: 14px 0 4px; font-size: 16px; }
.items .token.whole { display: inline; max-width: none; white-space: normal; }
.items td.words { white-space: normal; min-width: 260px; max-width: 620px; }
.items tbody th { padding-left: 7px; }
#hardest .items td:last-child { min-width: 0; }
"""


def write_probe_report(run_dir: Path, around: PageContext = ALONE) -> Path:
    """Builds and writes the page of the probe run in `run_dir`; returns the path of report.html.

    Raises StrataError when a file is absent or broken, DoesNotFitError when the disk is full.
    """
    view = build_probe_view(run_dir)
    page = render_probe(view, around).encode("utf-8", "replace")
    sized = view.model_copy(update={"sizes": {"report_bytes": len(page)}})
    return write_page(run_dir, PROBE_VIEW_FILE, sized, page)


def render_probe(view: ProbeView, around: PageContext = ALONE) -> str:
    """The page of a view."""
    plain = view.as_json()
    # The page chooses among figures by these; the numbers are in the figures.
    positions = [{"name": p.name, "best": p.best, "streams": p.lines["accuracy"].layer} for p in view.positions]
    shown = {name: plain[name] for name in ("run", "models", "axes")} | {"positions": positions}
    data = f"{view_element(shown)}\n{figures_element(probe_figures(view))}"
    body = render(
        "probe/page.html",
        view=plain,
        facts=head_line(view.models[0], view.run),
        version=own_version(view.provenance.versions),
        longest_prompt=LONGEST_PROMPT,
    )
    sentences = view.positions[0].sentences
    link = plain_link(link_title(sentences[0], [view.models[0].label]), sentences, len(view.warnings))
    return document(link.at(around.address), body, script(PROBE_SCRIPTS), data, style=_STYLE)
