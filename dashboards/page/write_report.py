"""Writes `view.json` and `report.html` into a run directory, whole or not at all, and keeps the page under its budget."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from strata.dashboards.page.assets import inline_json
from strata.dashboards.page.report_page import render_report
from strata.dashboards.view.build import build_report
from strata.dashboards.view.lens import lens_file
from strata.probes.errors import StrataError
from strata.probes.files import write_whole

Json = dict[str, Any]
MAX_BYTES = 6_000_000


def write_report(run_dir: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Builds and writes the page of `run_dir`; returns the path of report.html.

    Lens maps that would push the page over `max_bytes` go to report_assets/, from the end of the list.
    Raises StrataError when a table is absent or broken, DoesNotFitError when the disk is full.
    """
    report = build_report(run_dir)
    view, blobs = report.view, report.blobs
    side = _spill(view, {k: len(b) for k, b in blobs.items()}, max_bytes)
    view["sizes"]["side_files"] = len(side)
    page = render_report(view, blobs).encode("utf-8", "replace")
    view["sizes"]["report_bytes"] = len(page)
    folder = run_dir / "report_assets"
    try:
        if folder.exists():
            shutil.rmtree(folder)
        for key in side:
            text = json.dumps(base64.b64encode(blobs[key]).decode("ascii"))
            write_whole(folder / lens_file(key), f"strataLens({inline_json(key)},{text});\n")
        write_whole(run_dir / "view.json", json.dumps(view, ensure_ascii=True, separators=(",", ":"), allow_nan=False))
        write_whole(run_dir / "report.html", page)
    except OSError as error:
        raise StrataError(
            f"The report cannot be written to {run_dir} ({error.strerror})", "Make it writable and run `strata report`"
        ) from error
    return run_dir / "report.html"


def _spill(view: Json, sizes: dict[str, int], max_bytes: int) -> list[str]:
    """Marks the maps that stay out of the page, from the end of the list, and returns their keys."""
    for entry in view["lens_index"]:
        entry["embedded"] = False
        entry["file"] = f"report_assets/{lens_file(entry['key'])}"
    left = max_bytes - len(render_report(view, {}).encode("utf-8", "replace"))
    out = []
    for entry in view["lens_index"]:
        left -= sizes[entry["key"]] * 4 // 3 + 100
        if left < 0:
            out.append(entry["key"])
        else:
            entry["embedded"] = True
            del entry["file"]
    return out
