"""Writes `view.json` and `report.html` into a run directory, whole or not at all, and keeps the page under its budget."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path

from strata.dashboards.figures.lens_map import lens_frames
from strata.dashboards.figures.locate_figures import locate_figures
from strata.dashboards.page.assets import inline_json
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import PICTURE, locate_preview
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.report_page import render_report
from strata.dashboards.page.write_page import writable, write_page
from strata.dashboards.view.build import Report, build_report
from strata.dashboards.view.lens import READ, lens_file
from strata.dashboards.view.schema import VIEW_FILE, View
from strata.probes.files.atomic_writes import write_whole

MAX_BYTES = 4_000_000


def write_report(run_dir: Path, max_bytes: int = MAX_BYTES, around: PageContext = ALONE) -> Path:
    """Builds and writes the page of `run_dir`; returns the path of report.html.

    Lens maps that would push the page over `max_bytes` go to report_assets/: those of the read positions first, then whole ones
    from the end of their list.
    Raises StrataError when a table is absent or broken, DoesNotFitError when the disk is full.
    """
    report = build_report(run_dir)
    figures = figures_element({**locate_figures(report), **lens_frames(report.view.axes)})
    blobs = report.blobs
    view = _spilled(report, figures, max_bytes, around)
    side = [entry.key for entry in view.lens_index if not entry.embedded]
    if view.lens_read is not None and not view.lens_read.embedded:
        side.append(READ)
    view = view.model_copy(update={"sizes": view.sizes.model_copy(update={"side_files": len(side)})})
    page = render_report(replace(report, view=view), figures, around).encode("utf-8", "replace")
    view = view.model_copy(update={"sizes": view.sizes.model_copy(update={"report_bytes": len(page)})})
    folder = run_dir / "report_assets"
    with writable(run_dir):
        if folder.exists():
            shutil.rmtree(folder)
        for key in side:
            text = json.dumps(base64.b64encode(blobs[key]).decode("ascii"))
            write_whole(folder / lens_file(key), f"strataLens({inline_json(key)},{text});\n")
    return write_page(run_dir, VIEW_FILE, view, page, {PICTURE: locate_preview(report)})


def _spilled(report: Report, figures: str, max_bytes: int, around: PageContext) -> View:
    """The view with those lens maps beside the page that it has no room for, from the end of the list."""
    view = report.view
    beside = tuple(
        entry.model_copy(update={"embedded": False, "file": f"report_assets/{lens_file(entry.key)}"})
        for entry in view.lens_index
    )
    read = view.lens_read
    read_beside = read and read.model_copy(update={"embedded": False, "file": f"report_assets/{lens_file(READ)}"})
    bare = view.model_copy(update={"lens_index": beside, "lens_read": read_beside})
    left = max_bytes - len(render_report(replace(report, view=bare), figures, around).encode("utf-8", "replace"))
    entries = []
    for embedded, outside in zip(view.lens_index, beside, strict=True):
        left -= len(report.blobs[embedded.key]) * 4 // 3 + 100
        entries.append(outside if left < 0 else embedded)
    if read is not None:
        left -= len(report.blobs[READ]) * 4 // 3 + 100
    return view.model_copy(update={"lens_index": tuple(entries), "lens_read": read_beside if left < 0 else read})
