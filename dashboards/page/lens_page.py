"""One prompt as a page: the lens map of `strata lens`, with the same component as the report."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from strata.dashboards.page.assets import LENS_SCRIPTS, inline_json, script
from strata.dashboards.page.markup import esc, token
from strata.dashboards.page.render import LOGO, document
from strata.dashboards.view.lens import LensMap, pack_maps
from strata.dashboards.text import without_paths


def render_lens_page(lens_map: LensMap, *, model: str, facts: Sequence[tuple[str, str]] = ()) -> str:
    """A self-contained page for one prompt. `facts` are provenance lines (name, value) shown at its foot."""
    model = str(without_paths(model)).removeprefix("…/")
    (packed,), vocabulary = pack_maps([lens_map])
    view = {"lens_index": [packed.entry], "lens_vocabulary": vocabulary, "axes": _axes(packed.entry["n_streams"])}
    blob = base64.b64encode(packed.blob).decode("ascii")
    prompt = "".join(token(t) for t in lens_map.tokens)
    rows = "".join(f"<dt>{esc(name)}</dt><dd>{esc(without_paths(value))}</dd>" for name, value in facts)
    body = f"""
<header class="top"><div class="brand">{LOGO}<span>Strata</span></div>
  <div class="about"><b>{esc(model)}</b> <span class="muted">lens · {packed.entry["n_tokens"]} tokens · streams 0–{packed.entry["n_streams"] - 1}</span></div>
  <div class="tools" data-js><label>Layers as <select id="axis"><option value="stream">stream</option>
    <option value="depth">depth 0–1</option></select></label>
    <button type="button" id="copylink">Copy link</button>
    <button type="button" id="theme" aria-label="Switch between light and dark">◐</button></div></header>
<main id="main"><h1>What would each layer say?</h1>
<p class="prompt">{prompt}</p>
<p class="caption">{esc(packed.entry["aria"])}</p>
<section id="lens" class="view" aria-labelledby="lens-title">
  <div class="view-head"><h2 id="lens-title">Lens map</h2><div class="controls" data-js>
    <label>Colour <select id="metric"></select></label><span class="group">
    <button type="button" id="zoomin" aria-label="Zoom in">+</button><button type="button" id="zoomout" aria-label="Zoom out">−</button>
    <button type="button" id="zoomall">Whole prompt</button></span></div></div>
  <p class="caption" id="lens-caption"></p>
  <noscript><p class="state">The map needs JavaScript.</p></noscript>
  <div class="panel" id="lens-panel"></div></section>
<section><h2>Provenance</h2><dl>{rows}</dl></section></main>
<p id="notice" role="status" aria-live="polite" hidden></p>"""
    data = (
        f'<script type="application/json" id="view">{inline_json(view)}</script>\n'
        f'<script type="application/octet-stream" id="lens-blob-0">{blob}</script>'
    )
    return document(f"{model} · lens · Strata", body, script(LENS_SCRIPTS), data)


def _axes(n_streams: int) -> dict[str, object]:
    blocks = n_streams - 1
    depth = [round(s / max(1, blocks), 5) for s in range(n_streams)]
    return {"n_layers": blocks, "stream": {"label": "stream (0 = embedding)", "count": n_streams, "depth": depth}}
