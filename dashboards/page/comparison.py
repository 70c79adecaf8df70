"""From a finished `strata compare` to its page: view.json and one report.html that opens by double click."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from strata.dashboards.page import comparison_sections as sections
from strata.dashboards.page.assets import COMPARISON_SCRIPTS, asset, inline_json, script
from strata.dashboards.page.markup import esc
from strata.dashboards.page.render import LOGO, document, frame, select, zipped
from strata.dashboards.page.write import MAX_BYTES
from strata.dashboards.text import count
from strata.dashboards.view.comparison import build_comparison
from strata.dashboards.view.comparison_lines import first_to_leave
from strata.dashboards.view.comparison_schema import validate_comparison_view
from strata.probes.errors import StrataError
from strata.probes.files import write_whole
from strata.probes.model_diff.dominant_dimensions import DOMINANT_SHARE

Json = dict[str, Any]
_PACKED = ("changes", "layer_swaps", "crossed", "weights", "similarity", "contrasts", "transfer")
_ATTENTION = (
    "Attention at the last position also brings what it carries there from other positions, so it may bring over a change that "
    "was made elsewhere and earlier; only the MLP lines and the layer swaps say where the change is."
)


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
    data = (
        f'<script type="application/json" id="view">{inline_json(slim)}</script>\n'
        f"{zipped('comparison-blob', {name: view[name] for name in _PACKED})}"
    )
    title = " → ".join(model["label"] for model in view["models"][:2])
    return document(f"{title} · Strata", _body(view), script(COMPARISON_SCRIPTS), data, style=asset("comparison.css"))


def _header(view: Json) -> str:
    run = view["run"]
    badges = "".join(f'<strong class="badge badge-{esc(b["code"])}">{esc(b["text"])}</strong>' for b in run["badges"])
    names = " ".join(f"{sections.role_mark(m['key'])} <b>{esc(m['label'])}</b>" for m in view["models"])
    return f"""
<header class="top"><a class="skip" href="#main">Skip to the verdict</a>
  <div class="brand">{LOGO}<span>Strata</span></div>
  <div class="about">{names} <span class="muted">run {esc(run["run_id"])} · {esc(run["started"][:10])}</span>{badges}</div>
  <div class="tools" data-js>
    <label>Layers as <select id="axis"><option value="stream">index</option><option value="depth">depth 0–1</option></select></label>
    <button type="button" id="copylink">Copy link</button><button type="button" id="print">Print</button>
    <button type="button" id="theme" aria-label="Switch between light and dark">◐</button>
  </div>
</header>"""


def _body(view: Json) -> str:
    excluded = view["sizes"].get("readings_excluded", 0)
    dropped = f" {count(excluded, 'reading')} stay in changes.parquet for size." if excluded else ""
    layers = frame(
        "layers", "Layer by layer",
        "Map: rows are kinds and sites, colour the chosen model or difference; base, distilled and control share one colour range, so do the "
        f"differences; cells whose 95 % interval covers 0 are dimmed. Beneath: the models' means and their differences with bands.{esc(dropped)}",
        select("show", "Show") + select("inst", "Instrument") + select("measure", "Measure") + select("at", "Position") + select("site", "Site"),
        before='<div class="panel" id="layermap-panel"></div>',
    )  # fmt: skip
    layer_swaps = frame(
        "layer_swaps", "Whose blocks bring the change?",
        "One model with blocks taken from the other. Recovery: 0 is the target model, 1 the source model. The random change has no "
        "model of its own to recover; see it as a score, where dotted lines are the models as they are.",
        select("gway", "Blocks go") + select("gscore", "Show") + select("gmeasure", "Measure"),
        before=sections.halves(view),
    )  # fmt: skip
    crossed = frame(
        "crossed", "Which contribution carries the difference?",
        "Share of the difference in logits between the models that one block's contribution, taken from the other model on the same "
        f"tokens, brings over (1: all of it). The null moves the receiver's own contribution as far in a random direction. {_ATTENTION}",
        select("cway", "Contributions go"),
    )  # fmt: skip
    weights = frame(
        "weights", "Which weights changed?", "Change of every kind of matrix from the base, block by block; all models in one colour range.",
        select("wmeasure", "Colour"),
    )  # fmt: skip
    similarity = frame(
        "similarity", "How alike are the streams?",
        "Debiased CKA and mean cosine with the base at the same tokens of the prompts as they are written; 1 is the same. CKA's band is its range "
        f"over random halves of the entities. Open marks: without dominant dimensions, each holding {100 * DOMINANT_SHARE:.0f} % or more by itself (more in "
        "narrow streams; of the variance for CKA, of the squared length for the cosine), removed from both models: CKA weighs a dimension by its squared "
        "variance, so one with a tenth can outweigh hundreds. In the middle row the band runs from the lowest to the highest value with one family excluded. "
        "A fall that is mostly gone on one of these lines is one dimension's or one family's, and no change of the whole stream.",
        select("spos", "Position"), before=sections.readings(view["similarity"]),
    )  # fmt: skip
    contrasts = frame(
        "contrasts", "Does asking for reasoning change the streams?",
        "Each model with itself: the same questions behind instructions of one length, read at the question's last token, debiased CKA. Fast: answer at "
        "once; slow: write down every step first; each in other words too; and in French. Only the excess can be evidence: by how much fast – slow falls below "
        "fast – in French, which asks for as much reasoning and another next token. An excess above 0 says that a request for reasoning changes these "
        "states more, not that anything is reasoned there; none does not say that the model can't reason. Questions of unlike families differ far more than "
        "instructions make them differ, which holds all values near 1. Stream 0 is little but the last token, the same everywhere. "
        "Dotted, open marks: without dominant dimensions, where that says something else.",
        before=sections.readings(view["contrasts"]),
    )  # fmt: skip
    transfer = frame(
        "transfer", "Does a probe of one model read the other?",
        "Held-out accuracy of answer probes; the arrow goes from the model that a probe is learnt on to the one that it reads. Where the probe fails as it is and succeeds after a rotation, the information is still there "
        "and only its directions moved. Dotted: what always guessing the most frequent answer reaches.",
        select("tfamily", "Family"), before=sections.readings(view["transfer"]),
    )  # fmt: skip
    return f"""{_header(view)}
<main id="main">
<h1>{esc(view["run"]["title"])}</h1>
{sections.verdict(view)}
{sections.models_and_pairs(view)}
{sections.answers(view)}
{layers}
{sections.likeness(view)}
{sections.locations(view)}
{layer_swaps}
{crossed}
{weights}
{sections.outside(view)}
{similarity}
{contrasts}
{transfer}
{sections.not_comparable(view)}
{sections.provenance(view)}
</main>
<footer><span>Strata {esc(dict(view["provenance"]["versions"]).get("strata", ""))} · {esc(view["schema"])} · every number names its
  table in view.json</span></footer>
<p id="notice" role="status" aria-live="polite" hidden></p>"""
