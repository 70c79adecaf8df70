"""One prompt as a page: the lens map of `strata lens`, with the same component as the report."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.figures.lens_map import lens_frames
from strata.dashboards.page.assets import LENS_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, view_element
from strata.dashboards.page.embedded_figures import figures_element
from strata.dashboards.page.link_preview import plain_link
from strata.dashboards.page.templates import render
from strata.dashboards.sentences.shared_link import link_title
from strata.dashboards.view.build import axes_of
from strata.dashboards.view.lens import LensMap, pack_maps
from strata.dashboards.visible_text import without_paths


def render_lens_page(lens_map: LensMap, *, model: str, facts: Sequence[tuple[str, str]] = ()) -> str:
    """A self-contained page for one prompt. `facts` are provenance lines (name, value) shown at its foot."""
    model = str(without_paths(model)).removeprefix("…/")
    (packed,), vocabulary = pack_maps([lens_map])
    entry = packed.entry
    axes = axes_of(max(1, entry.n_streams - 1))
    view = {
        "lens_index": [entry.as_json()],
        "lens_vocabulary": [one.as_json() for one in vocabulary],
        "axes": axes.as_json(),
    }
    body = render(
        "lens_map.html",
        model=model,
        entry=entry,
        tokens=lens_map.tokens,
        facts=[(name, without_paths(value)) for name, value in facts],
    )
    data = f"{view_element(view)}\n{bytes_element('lens-blob-0', packed.blob)}\n{figures_element(lens_frames(axes))}"
    return document(plain_link(link_title(entry.aria, [model]), (entry.aria,)), body, script(LENS_SCRIPTS), data)
