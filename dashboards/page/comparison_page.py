"""From a finished `strata compare` to its page: view.json and one report.html that opens by double click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from strata.dashboards.figures.comparison_figures import comparison_figures
from strata.dashboards.page.assets import COMPARISON_SCRIPTS, asset, script
from strata.dashboards.page.document import document, own_version, view_element, zipped
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import PICTURE, comparison_link, comparison_preview
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_page import write_page
from strata.dashboards.page.write_report import MAX_BYTES
from strata.dashboards.view.comparison.build import build_comparison
from strata.dashboards.view.comparison.cells import MapsOfModels, maps_of_models
from strata.dashboards.view.comparison.files import read_comparison
from strata.dashboards.view.comparison.layer_changes import without_less_telling
from strata.dashboards.view.comparison.schema import COMPARISON_VIEW_FILE, ComparisonView
from strata.dashboards.view.item_effects import STEP
from strata.experiments.results.roles import BASE, Role
from strata.probes.interventions.cells import Cell
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE

_DRAWN: Mapping[str, tuple[str, ...]] = {
    "changes": ("readings", "components"),
    "layer_swaps": ("scores",),
    "crossed": (),
    "weights": ("measures",),
    "similarity": ("positions",),
    "contrasts": (),
    "transfer": ("families",),
}
"""Parts whose numbers are in their figures: what the page's lists choose from."""


def write_comparison(run_dir: Path, max_bytes: int = MAX_BYTES, around: PageContext = ALONE) -> Path:
    """Builds and writes the page of the comparison in `run_dir`; returns the path of report.html.

    Readings that would push the page over `max_bytes` stay in changes.parquet, and the page says which.
    Raises StrataError when a file is absent or broken or the directory can't be written.
    """
    run = read_comparison(run_dir)
    view, maps = build_comparison(run), maps_of_models(run)
    page = render_comparison(view, maps, around).encode("utf-8", "replace")
    while len(page) > max_bytes and len(view.changes.readings) > 1:
        view = _without_readings(view)
        page = render_comparison(view, maps, around).encode("utf-8", "replace")
    written = view.model_copy(update={"sizes": {**view.sizes, "report_bytes": len(page)}})
    return write_page(run_dir, COMPARISON_VIEW_FILE, written, page, {PICTURE: comparison_preview(view, maps)})


def _without_readings(view: ComparisonView) -> ComparisonView:
    """Takes the less telling half of the readings out of the page and says so."""
    changes = without_less_telling(view.changes)
    gone = len(view.changes.readings) - len(changes.readings)
    sizes = {**view.sizes, "readings_excluded": view.sizes.get("readings_excluded", 0) + gone}
    return view.model_copy(update={"changes": changes, "sizes": sizes})


def render_comparison(view: ComparisonView, maps: MapsOfModels | None, around: PageContext = ALONE) -> str:
    """The page of a view."""
    plain = view.model_dump(mode="json")
    slim = {**plain, "items": {"state": plain["items"]["state"], "text": plain["items"]["text"]}}
    slim |= {part: {name: plain[part][name] for name in ("state", "text", *names)} for part, names in _DRAWN.items()}
    figures = figures_element(comparison_figures(view, maps))
    parts = view.effects[BASE].cells if BASE in view.effects else ()
    of_parts = [{"cell": part.cell, "label": part.label, "counts_from": part.counts_from} for part in parts]
    slim |= {"effects": {"step": STEP, "cells": of_parts}}
    items = zipped("items-blob", {**plain["items"], "gained": _gained(view, [part.cell for part in parts])})
    data = "\n".join((view_element(slim), items, figures))
    link = comparison_link(view).at(around.address)
    return document(link, comparison_body(view), script(COMPARISON_SCRIPTS), data, style=asset("comparison.css"))


def _gained(view: ComparisonView, cells: Sequence[Cell]) -> dict[Role, list[tuple[tuple[int, ...] | None, ...]]]:
    """Of every model by part of the model, item and block."""
    found = {role: {part.cell: part.gained for part in effects.cells} for role, effects in view.effects.items()}
    return {role: [of_role.get(cell, ()) for cell in cells] for role, of_role in found.items()}


def comparison_body(view: ComparisonView) -> str:
    """What can be read of the page without its scripts."""
    return render(
        "comparison/page.html",
        view=view.model_dump(mode="json"),
        dominant_share=DOMINANT_SHARE,
        readings_excluded=view.sizes.get("readings_excluded", 0),
        version=own_version(view.provenance.versions),
    )
