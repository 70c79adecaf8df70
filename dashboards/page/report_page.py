"""How does the view of `strata locate` become a page? Its template, the bulk zipped beside it, and the lens maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strata.dashboards.page.assets import REPORT_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, joined_facts, view_element, zipped
from strata.dashboards.page.templates import render
from strata.dashboards.view.model import validate_view

Json = dict[str, Any]
STATIC_ITEM_ROWS = 200
"""Rows of the item table for readers without JavaScript."""
_PACKED = ("lines", "items")  # the bulk of `causal`: zipped beside the view, put back by the page


def render_report(view: Json, blobs: Mapping[str, bytes]) -> str:
    """The page of a view. `blobs` holds the gzipped planes of every *embedded* lens map by its key.

    Raises StrataError when the view is not a valid `strata.view/2`, KeyError when an embedded map has no bytes.
    """
    validate_view(view)
    maps, causal, localisation = view["lens_index"], view["causal"], view["localisation"]
    slim = {
        **view,
        "causal": {**causal, **{k: [] for k in _PACKED}},
        "localisation": {**localisation, "figures": {}},
    }
    data = [
        view_element(slim),
        *(bytes_element(f"lens-blob-{n}", blobs[e["key"]]) for n, e in enumerate(maps) if e["embedded"]),
        zipped("causal-blob", {k: causal[k] for k in _PACKED}),
        zipped("stages-blob", localisation["figures"]),
    ]
    run, model = view["run"], view["models"][0]
    facts = (f"{model['n_layers']} blocks", f"width {model['d_model']}", model["dtype"], f"run {run['run_id']}", run["started"][:10])  # fmt: skip
    version = dict(view["provenance"]["versions"]).get("strata", "")
    body = render(
        "report/page.html", view=view, facts=joined_facts(facts), version=version, static_rows=STATIC_ITEM_ROWS
    )
    beside = any(not e["embedded"] for e in maps)
    return document(f"{model['label']} · Strata", body, script(REPORT_SCRIPTS), "\n".join(data), beside)
