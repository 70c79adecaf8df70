"""How does the view of `strata locate` become a page? Its template, the bulk zipped beside it, and the lens maps."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.page.assets import REPORT_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, joined_facts, view_element, zipped
from strata.dashboards.page.templates import render
from strata.dashboards.view.schema import View

STATIC_ITEM_ROWS = 200
"""Rows of the item table for readers without JavaScript."""
_PACKED = ("lines", "items")  # the bulk of `causal`: zipped beside the view, put back by the page


def render_report(view: View, blobs: Mapping[str, bytes]) -> str:
    """The page of a view. `blobs` holds the gzipped planes of every *embedded* lens map by its key.

    Raises KeyError when an embedded map has no bytes.
    """
    causal = view.causal.as_json()
    slim = view.model_copy(
        update={
            "causal": view.causal.model_copy(update=dict.fromkeys(_PACKED, ())),
            "localisation": view.localisation.model_copy(update={"figures": {}}),
        }
    )
    data = [
        view_element(slim.as_json()),
        *(bytes_element(f"lens-blob-{n}", blobs[e.key]) for n, e in enumerate(view.lens_index) if e.embedded),
        zipped("causal-blob", {name: causal[name] for name in _PACKED}),
        zipped("stages-blob", view.localisation.figures),
    ]
    run, model = view.run, view.models[0]
    facts = (f"{model.n_layers} blocks", f"width {model.d_model}", model.dtype, f"run {run.run_id}", run.started[:10])
    body = render(
        "report/page.html",
        view=view.as_json(),
        facts=joined_facts(facts),
        version=dict(view.provenance.versions).get("strata", ""),
        static_rows=STATIC_ITEM_ROWS,
    )
    beside = any(not entry.embedded for entry in view.lens_index)
    return document(f"{model.label} · Strata", body, script(REPORT_SCRIPTS), "\n".join(data), beside)
