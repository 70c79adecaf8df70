"""One prompt as a page: the lens map of `strata lens`, with the same component as the report."""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.page.assets import LENS_SCRIPTS, script
from strata.dashboards.page.document import bytes_element, document, view_element
from strata.dashboards.page.templates import render
from strata.dashboards.text import without_paths
from strata.dashboards.view.lens import LensMap, pack_maps
from strata.dashboards.view.schema_parts import LayerAxis


def render_lens_page(lens_map: LensMap, *, model: str, facts: Sequence[tuple[str, str]] = ()) -> str:
    """A self-contained page for one prompt. `facts` are provenance lines (name, value) shown at its foot."""
    model = str(without_paths(model)).removeprefix("…/")
    (packed,), vocabulary = pack_maps([lens_map])
    entry = packed.entry
    view = {
        "lens_index": [entry.as_json()],
        "lens_vocabulary": [one.as_json() for one in vocabulary],
        "axes": {"n_layers": entry.n_streams - 1, "stream": _streams(entry.n_streams).as_json()},
    }
    body = render(
        "lens_map.html",
        model=model,
        entry=entry,
        tokens=lens_map.tokens,
        facts=[(name, without_paths(value)) for name, value in facts],
    )
    data = f"{view_element(view)}\n{bytes_element('lens-blob-0', packed.blob)}"
    return document(f"{model} · lens · Strata", body, script(LENS_SCRIPTS), data)


def _streams(n_streams: int) -> LayerAxis:
    depth = tuple(round(s / max(1, n_streams - 1), 5) for s in range(n_streams))
    return LayerAxis(label="stream (0 = embedding)", count=n_streams, depth=depth)
