"""How does the view of `strata locate` become a page? Its template, the bulk zipped beside it, and the lens maps."""

from __future__ import annotations

from strata.dashboards.page.assets import REPORT_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, head_line, own_version, view_element, zipped
from strata.dashboards.page.link_preview import locate_link
from strata.dashboards.page.page_context import ALONE, PageContext
from strata.dashboards.page.templates import render
from strata.dashboards.view.build import Report
from strata.dashboards.view.lens import READ
from strata.dashboards.view.schema import View

STATIC_ITEM_ROWS = 200
"""Rows of the item table for readers without JavaScript."""
_PACKED = ("lines", "items")  # the bulk of `causal`: zipped beside the view, put back by the page
_NO_NUMBERS = {"layer": (), "mean": (), "low": (), "high": (), "method": "", "aria": ""}


def render_report(report: Report, figures: str, around: PageContext = ALONE) -> str:
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
    effects = view.effects.as_json()
    # The page chooses among figures by these; the numbers are in the figures.
    slim = view.model_copy(
        update={
            "causal": view.causal.model_copy(update=dict.fromkeys(_PACKED, ())),
            "series": tuple(series.model_copy(update=_NO_NUMBERS) for series in view.series),
            "localisation": view.localisation.model_copy(
                update={"head_maps": tuple(of.model_copy(update={"rows": ()}) for of in view.localisation.head_maps)}
            ),
            "maps": tuple(shown.model_copy(update={"rows": ()}) for shown in view.maps),
            "effects": view.effects.model_copy(
                update={"cells": tuple(part.model_copy(update={"gained": ()}) for part in view.effects.cells)}
            ),
        }
    )
    data = [
        view_element(slim.as_json()),
        *(bytes_element(f"lens-blob-{n}", report.blobs[e.key]) for n, e in enumerate(view.lens_index) if e.embedded),
        *(
            [bytes_element("lens-read", report.blobs[READ])]
            if view.lens_read is not None and view.lens_read.embedded
            else []
        ),
        zipped("causal-blob", {name: causal[name] for name in _PACKED}),
        zipped("effects-blob", effects["cells"]),
        figures,
    ]
    beside = any(not entry.embedded for entry in view.lens_index) or (
        view.lens_read is not None and not view.lens_read.embedded
    )
    link = locate_link(view).at(around.address)
    return document(link, report_body(view, around), script(REPORT_SCRIPTS), "\n".join(data), beside)


def report_body(view: View, around: PageContext = ALONE) -> str:
    """What can be read of the page without its scripts."""
    return render(
        "report/page.html",
        view=view.as_json(),
        facts=head_line(view.models[0], view.run),
        version=own_version(view.provenance.versions),
        static_rows=STATIC_ITEM_ROWS,
        pages=around.pages,
    )
