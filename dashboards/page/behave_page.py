"""From a finished `strata behave` to its page: one report.html that opens by double click, with view.json beside it."""

from __future__ import annotations

import json
from pathlib import Path

from strata.dashboards.figures.behaviour_curves import behave_figures
from strata.dashboards.page.assets import BEHAVE_SCRIPTS, script
from strata.dashboards.page.document import document, joined_facts, view_element
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.surroundings import ALONE, Surroundings
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.view.behave.build import build_behave_view
from strata.dashboards.view.behave.schema import BehaveView
from strata.probes.files import write_whole


def write_behave_report(run_dir: Path, around: Surroundings = ALONE) -> Path:
    """Builds and writes the page of the run in `run_dir`; returns the path of report.html.

    Raises StrataError when a file is absent or broken, DoesNotFitError when the disk is full.
    """
    view = build_behave_view(run_dir)
    page = render_behave(view, around).encode("utf-8", "replace")
    written = view.model_copy(update={"sizes": {"report_bytes": len(page)}}).as_json()
    write_whole(run_dir / "view.json", json.dumps(written, ensure_ascii=True, separators=(",", ":"), allow_nan=False))
    write_whole(run_dir / "report.html", page)
    return run_dir / "report.html"


def render_behave(view: BehaveView, around: Surroundings = ALONE) -> str:
    """The page of a view."""
    plain = view.as_json()
    run, model = view.run, view.models[0]
    facts = (f"{model.n_layers} blocks", f"width {model.d_model}", model.dtype, f"run {run.run_id}", run.started[:10])
    body = render(
        "behave/page.html",
        view=plain,
        facts=joined_facts(facts),
        version=dict(view.provenance.versions).get("strata-probes", ""),
    )
    shown = {name: value for name, value in plain.items() if name not in ("provenance", "sizes")}
    data = view_element(shown) + figures_element(behave_figures(view))
    sentences = tuple(s for part in view.confidence for s in (part.number, *part.sentences))
    link = plain_link(
        link_title(sentences[0] if sentences else run.title, [model.label]), sentences, len(view.warnings)
    )
    return document(link.at(around.address), body, script(BEHAVE_SCRIPTS), data)
