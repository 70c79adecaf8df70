"""How does a view become one file? Head with policy, static parts, empty frames for the plots, data and scripts."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import Any

from strata.dashboards.page import sections
from strata.dashboards.page.assets import PLOTLY, REPORT_SCRIPTS, asset, content_policy, inline, inline_json, script
from strata.dashboards.page.markup import esc
from strata.dashboards.page.places import family_by_family
from strata.dashboards.view.schema import validate_view
from strata.experiments.results.answer_measures import BY_CHOICE, BY_LIKELIHOOD

Json = dict[str, Any]

_PACKED = ("lines", "items")  # the bulk of `causal`: zipped beside the view, put back by the page
LOGO = (
    '<svg class="logo" viewBox="0 0 24 24" aria-hidden="true"><path d="M3 6.5c4-2.6 7 1.8 18-1.2"/>'
    '<path d="M3 12c5-2.6 8 2 18-1.2"/><path d="M3 17.5c6-2.6 9 1.6 18-1.2"/></svg>'
)
THEME_SCRIPT = (
    "document.documentElement.className='js';(function(){var m=/[#&]theme=(light|dark)/.exec(location.hash),t=m&&m[1];"
    "try{t=t||localStorage.getItem('strata.theme')}catch(e){}"
    "if(t==='light'||t==='dark')document.documentElement.dataset.theme=t})();"
)


def document(title: str, body: str, scripts: str, data: str, side_files: bool = False, style: str = "") -> str:
    """A whole HTML document under the strict policy; `data` holds script elements that are not run,
    `style` what this page adds to the style of all.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{content_policy(side_files)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{esc(title)}</title>
<script>{THEME_SCRIPT}</script>
<style>{asset("page.css")}{style}</style>
</head>
<body>
{body}
{data}
<script>{inline(asset(PLOTLY))}</script>
<script>{scripts}</script>
</body>
</html>
"""


def zipped(name: str, value: Json) -> str:
    """The bulk of a view as a gzipped script element that is not run; `inflate` of payload.js reads it."""
    packed = gzip.compress(inline_json(value).encode("ascii"), compresslevel=9, mtime=0)
    return f'<script type="application/octet-stream" id="{name}">{base64.b64encode(packed).decode("ascii")}</script>'


def header(view: Json) -> str:
    """Title bar: model, run, badges, controls. Badges can't be dismissed."""
    run, model = view["run"], view["models"][0]
    badges = "".join(f'<strong class="badge badge-{esc(b["code"])}">{esc(b["text"])}</strong>' for b in run["badges"])
    meta = [
        f"{model['n_layers']} blocks",
        f"width {model['d_model']}",
        str(model["dtype"]),
        f"run {run['run_id']}",
        run["started"][:10],
    ]
    facts = " · ".join(esc(m) for m in meta if m)
    return f"""
<header class="top"><a class="skip" href="#main">Skip to the verdict</a>
  <div class="brand">{LOGO}<span>Strata</span></div>
  <div class="about"><b>{esc(model["label"])}</b> <span class="muted">{facts}</span>{badges}</div>
  <div class="tools" data-js>
    <label>Layers as <select id="axis"><option value="stream">stream</option><option value="depth">depth 0–1</option></select></label>
    <label class="search">Item <input id="search" type="search" list="ids" placeholder="id" autocomplete="off"></label>
    <datalist id="ids"></datalist>
    <button type="button" id="copylink">Copy link</button><button type="button" id="print">Print</button>
    <button type="button" id="theme" aria-label="Switch between light and dark">◐</button>
    <button type="button" id="help" aria-label="Keys">?</button>
  </div>
</header>"""


def frame(name: str, title: str, caption: str, controls: str = "", before: str = "") -> str:
    """A view with its title, caption and controls, and the empty panel that the scripts fill."""
    return f"""
<section id="{name}" class="view" aria-labelledby="{name}-title">
  <div class="view-head"><h2 id="{name}-title">{title}</h2><div class="controls" data-js>{controls}</div></div>
  <p class="caption" id="{name}-caption">{caption}</p>
  <noscript><p class="state">This plot needs JavaScript. Its numbers are in the run's tables; the verdict and the tables here do not need it.</p></noscript>
  {before}<div class="panel" id="{name}-panel"></div>
</section>"""


def select(name: str, label: str) -> str:
    """A labelled select that the scripts fill."""
    return f'<label>{label} <select id="{name}"></select></label>'


def render_report(view: Json, blobs: Mapping[str, bytes]) -> str:
    """The page of a view. `blobs` holds the gzipped planes of every *embedded* lens map by its key.

    Raises StrataError when the view is not a valid `strata.view/2`, KeyError when an embedded map has no bytes.
    """
    validate_view(view)
    side = any(not e["embedded"] for e in view["lens_index"])
    maps = "".join(
        f'<script type="application/octet-stream" id="lens-blob-{index}">{base64.b64encode(blobs[e["key"]]).decode("ascii")}</script>\n'
        for index, e in enumerate(view["lens_index"])
        if e["embedded"]
    )
    causal = view["causal"]
    maps += zipped("causal-blob", {k: causal[k] for k in _PACKED}) + "\n"
    maps += zipped("stages-blob", view["localisation"]["figures"]) + "\n"
    slim = {
        **view,
        "causal": {**causal, **{k: [] for k in _PACKED}},
        "localisation": {**view["localisation"], "figures": {}},
    }
    data = f'<script type="application/json" id="view">{inline_json(slim)}</script>\n{maps}'
    return document(f"{view['models'][0]['label']} · Strata", _body(view), script(REPORT_SCRIPTS), data, side)


def _body(view: Json) -> str:
    curves = frame(
        "curves", "Layer by layer", f"Mean over items with its 95 % band; thin grey lines are baselines. {esc(view['run']['read_at'])}",
        select("kind", "Show") + select("inst", "Instrument") + select("measure", "Measure") + select("site", "Site")
        + select("target", "Target") + select("scheme", "Folds") + select("at", "Position"),
    )  # fmt: skip
    families = frame("map", "Layer × family", "", select("mapsel", "Colour"))
    emergence = frame("emergence", "From which stream on is each answer the likeliest token?", "")
    lens_controls = (
        select("lensitem", "Item") + select("metric", "Colour")
        + '<span class="group"><button type="button" id="zoomin" aria-label="Zoom in">+</button>'
        '<button type="button" id="zoomout" aria-label="Zoom out">−</button>'
        '<button type="button" id="zoomall">Whole prompt</button></span>'
    )  # fmt: skip
    lens = frame("lens", "Inside one prompt", "", lens_controls)
    causal = frame(
        "causal", "Block × position: where does an edit move the answer?", "",
        select("cgroup", "Show") + select("cmeasure", "Measure") + select("csite", "Site"),
        before='<div id="causal-head" data-js></div>',
    )  # fmt: skip
    return f"""{header(view)}
<main id="main">
<h1>{esc(view["run"]["title"])}</h1>
{sections.verdict(view)}
{_stage_map(view)}
{sections.by_kind(view)}
{family_by_family(view)}
{sections.behaviour(view)}
{curves}
{families}
{emergence}
{_items(view)}
{lens}
{causal}
{sections.provenance(view)}
</main>
<footer><span>Strata {esc(dict(view["provenance"]["versions"]).get("strata", ""))} · {esc(view["schema"])} · every number names its
  table in view.json</span></footer>
<dialog id="keys"></dialog>
<p id="notice" role="status" aria-live="polite" hidden></p>"""


def _stage_map(view: Json) -> str:
    if view["localisation"]["state"] == "withdrawn":
        return ""
    caption = (
        "Rows: parts of the model on the way from input (top) to answer (bottom). Colour: how much of the row's effect on the answer is "
        "gained at a block, when the other prompt's activations are put in; numbers behind a row: the effect of the whole row, 0 nothing, "
        "1 the whole answer, with its 95 % interval (rows overlap: what attention brings to the last token is 1 in any model, and only "
        "where says something). A box is the place where answers are made: the first that adds the answer itself."
    )
    return frame("stages", "Stage map: from input to answer", caption, select("stage", "Show"))


def _items(view: Json) -> str:
    heads = (
        ("item", "Item"), ("family", "Family"), ("kind", "Kind"), ("answer", "Answer"), ("foil", "Foil"),
        ("logit_difference", "Logit diff."), ("rank", "Rank"), ("correct_by_choice", "By choice"), ("correct", "By likelihood"),
        ("emergence", "Settled from"),
        ("reason", "Excluded because"),
    )  # fmt: skip
    number_columns = ("logit_difference", "rank")
    head = "".join(
        f'<th scope="col" data-sort="{key}"{" class=num" if key in number_columns else ""}>{text}</th>'
        for key, text in heads
    )
    total, shown = view["items"]["total"], view["items"]["shown"]
    static = min(shown, sections.STATIC_ITEM_ROWS)
    return f"""
<section id="items" class="view" aria-labelledby="items-title">
  <div class="view-head"><h2 id="items-title">Items</h2><div class="controls" data-js>{select("family", "Family")}
    <span id="items-clear"></span></div></div>
  <p class="caption" id="items-caption">{total} items ({esc(view["items"]["rule"])}); the first {static} are listed here.
    ◆ has a lens map. Logit difference: answer − foil. Rank: 0 = most probable of the whole vocabulary.
    By choice: {esc(BY_CHOICE.means)}. By likelihood: {esc(BY_LIKELIHOOD.means)}. Settled from: {esc(view["emergence"]["definition"])}.</p>
  <div class="table-scroll" tabindex="0" role="region" aria-label="Item table"><table class="plain items" id="item-table">
    <thead><tr>{head}</tr></thead><tbody>{sections.item_rows(view)}</tbody></table></div>
  <div class="pager" id="pager" data-js></div>
</section>"""
