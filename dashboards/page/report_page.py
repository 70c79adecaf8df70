"""How does the view of `strata locate` become a page? Its template, the bulk zipped beside it, and the lens maps."""

from __future__ import annotations

from strata.dashboards.page.assets import REPORT_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, joined_facts, view_element, zipped
from strata.dashboards.page.templates import render
from strata.dashboards.view.build import Report

STATIC_ITEM_ROWS = 200
"""Rows of the item table for readers without JavaScript."""
_PACKED = ("lines", "items")  # the bulk of `causal`: zipped beside the view, put back by the page
_NO_NUMBERS = {"layer": (), "mean": (), "low": (), "high": (), "method": "", "aria": ""}


def render_report(report: Report, figures: str) -> str:
    """The page of a run. `figures`: the script element that holds them.

    Raises KeyError when an embedded map has no bytes.
    """
    view = report.view
    causal = view.causal.model_copy(
        update={
            "lines": tuple(line.model_copy(update=_NO_NUMBERS) for line in view.causal.lines),
            "items": tuple(item.model_copy(update={"values": {}}) for item in view.causal.items),
        }
    ).as_json()
    # The page chooses among figures by these; the numbers are in the figures.
    slim = view.model_copy(
        update={
            "causal": view.causal.model_copy(update=dict.fromkeys(_PACKED, ())),
            "series": tuple(series.model_copy(update=_NO_NUMBERS) for series in view.series),
            "maps": tuple(shown.model_copy(update={"rows": ()}) for shown in view.maps),
        }
    )
    data = [
        view_element(slim.as_json()),
        *(bytes_element(f"lens-blob-{n}", report.blobs[e.key]) for n, e in enumerate(view.lens_index) if e.embedded),
        zipped("causal-blob", {name: causal[name] for name in _PACKED}),
        figures,
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
