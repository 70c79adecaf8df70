"""From a finished `strata compare` to its page: view.json and one report.html that opens by double click."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from strata.dashboards.page.assets import COMPARISON_SCRIPTS, asset, script
from strata.dashboards.page.document import document, view_element, zipped
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_report import MAX_BYTES
from strata.dashboards.view.comparison import build_comparison
from strata.dashboards.view.comparison_lines import first_to_leave
from strata.dashboards.view.comparison_schema import validate_comparison_view
from strata.probes.errors import StrataError
from strata.probes.files import write_whole
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE

Json = dict[str, Any]
_PACKED = ("changes", "layer_swaps", "crossed", "weights", "similarity", "contrasts", "transfer")


def write_comparison(run_dir: Path, max_bytes: int = MAX_BYTES) -> Path:
    """Builds and writes the page of the comparison in `run_dir`; returns the path of report.html.

    Readings that would push the page over `max_bytes` stay in changes.parquet, and the page says which.
    Raises StrataError when a file is absent or broken or the directory can't be written.
    """
    view = build_comparison(run_dir)
    page = render_comparison(view).encode("utf-8", "replace")
    while len(page) > max_bytes and len(view["changes"]["readings"]) > 1:
        _drop_readings(view)
        page = render_comparison(view).encode("utf-8", "replace")
    view["sizes"]["report_bytes"] = len(page)
    try:
        write_whole(run_dir / "view.json", json.dumps(view, ensure_ascii=True, separators=(",", ":"), allow_nan=False))
        write_whole(run_dir / "report.html", page)
    except OSError as error:
        raise StrataError(
            f"The report cannot be written to {run_dir} ({error.strerror})", "Make it writable and run `strata report`"
        ) from error
    return run_dir / "report.html"


def _drop_readings(view: Json) -> None:
    """Takes the less telling half of the readings out of the page and says so."""
    changes = view["changes"]
    ranked = sorted(changes["readings"], key=first_to_leave)
    kept_ids = {reading["id"] for reading in ranked[: max(1, len(ranked) // 2)]}
    view["sizes"]["readings_excluded"] = view["sizes"].get("readings_excluded", 0) + len(ranked) - len(kept_ids)
    changes["readings"] = [reading for reading in changes["readings"] if reading["id"] in kept_ids]
    changes["lines"] = [
        line for line in changes["lines"] if f"{line['instrument']}|{line['measure']}|{line['position']}" in kept_ids
    ]


def render_comparison(view: Json) -> str:
    """The page of a view. Raises StrataError when the view is not a valid `strata.comparison-view/1`."""
    validate_comparison_view(view)
    slim = copy.copy(view)
    for name in _PACKED:
        slim[name] = {"state": view[name]["state"], "text": view[name]["text"]}
    data = f"{view_element(slim)}\n{zipped('comparison-blob', {name: view[name] for name in _PACKED})}"
    title = " → ".join(model["label"] for model in view["models"][:2])
    body = render(
        "comparison/page.html",
        view=view,
        dominant_share=DOMINANT_SHARE,
        readings_excluded=view["sizes"].get("readings_excluded", 0),
        version=dict(view["provenance"]["versions"]).get("strata", ""),
    )
    return document(f"{title} · Strata", body, script(COMPARISON_SCRIPTS), data, style=asset("comparison.css"))
