"""From a finished `strata probe` to its page: one report.html that opens by double click, with view.json beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strata.dashboards.page.assets import PROBE_SCRIPTS, inline_json, script
from strata.dashboards.page.markup import esc, foreign, prose, token
from strata.dashboards.page.render import LOGO, document, frame, select
from strata.dashboards.page.sections import command_line, fact_list, tests_and_stages
from strata.dashboards.view.probe import build_probe_view
from strata.dashboards.text import interval, number, visible
from strata.probes.files import write_whole

Json = dict[str, Any]
_COLUMNS = (
    ("accuracy", "Accuracy"), ("majority", "Majority"), ("embedding", "Embedding"), ("random_init", "Random weights"),
    ("template_accuracy", "Held-out templates"), ("control_accuracy", "Control task"),
    ("selectivity", "Selectivity"), ("log_loss", "Log-loss (nats)"),
)  # fmt: skip
_LONGEST_PROMPT = 240
_STYLE = """
.verdict h3 { margin: 14px 0 4px; font-size: 16px; }
.items .token.whole { display: inline; max-width: none; white-space: normal; }
.items td.words { white-space: normal; min-width: 260px; max-width: 620px; }
.items tbody th { padding-left: 7px; }
#hardest .items td:last-child { min-width: 0; }
"""


def write_probe_report(run_dir: Path) -> Path:
    """Builds and writes the page of the probe run in `run_dir`; returns the path of report.html.

    Raises StrataError when a file is absent or broken, DoesNotFitError when the disk is full.
    """
    view = build_probe_view(run_dir)
    page = render_probe(view).encode("utf-8", "replace")
    view["sizes"]["report_bytes"] = len(page)
    write_whole(run_dir / "view.json", json.dumps(view, ensure_ascii=True, separators=(",", ":"), allow_nan=False))
    write_whole(run_dir / "report.html", page)
    return run_dir / "report.html"


def render_probe(view: Json) -> str:
    """The page of a `strata.probe-view/1`."""
    shown = {key: value for key, value in view.items() if key not in ("provenance", "sizes")}
    data = f'<script type="application/json" id="view">{inline_json(shown)}</script>'
    title = f"{view['target']} · {view['models'][0]['label']} · Strata"
    return document(title, _body(view), script(PROBE_SCRIPTS), data, style=_STYLE)


def _header(view: Json) -> str:
    run, model = view["run"], view["models"][0]
    badges = "".join(f'<strong class="badge badge-{esc(b["code"])}">{esc(b["text"])}</strong>' for b in run["badges"])
    meta = (
        f"{model['n_layers']} blocks",
        f"width {model['d_model']}",
        model["dtype"],
        f"run {run['run_id']}",
        run["started"][:10],
    )
    facts = " · ".join(esc(fact) for fact in meta if fact)
    return f"""
<header class="top"><a class="skip" href="#main">Skip to the result</a>
  <div class="brand">{LOGO}<span>Strata</span></div>
  <div class="about"><b>{esc(model["label"])}</b> <span class="muted">{facts}</span>{badges}</div>
  <div class="tools" data-js>
    <label>Layers as <select id="axis"><option value="stream">stream</option><option value="depth">depth 0–1</option></select></label>
    <button type="button" id="copylink">Copy link</button><button type="button" id="print">Print</button>
    <button type="button" id="theme" aria-label="Switch between light and dark">◐</button>
  </div>
</header>"""


def _body(view: Json) -> str:
    curves = frame(
        "accuracy", "Accuracy by stream",
        "Share of held-out items named rightly by a linear probe of each stream, with its 95 % band over clusters; thin lines are controls. "
        "Stream s enters block s; stream 0 is the embedding of the token alone.",
        select("at", "Position") + select("measure", "Show"),
    )  # fmt: skip
    confusion = frame(
        "confusion", "Which labels are taken for which?",
        "Rows are true labels, columns what the probe said while the item was held out; the colour is the share of the row.",
        select("layer", "Stream"),
    )  # fmt: skip
    return f"""{_header(view)}
<main id="main">
<h1>{esc(view["run"]["title"])}</h1>
{_result(view)}
{curves}
{confusion}
{_table(view)}
{_hardest(view)}
{_provenance(view)}
</main>
<footer><span>Strata {esc(dict(view["provenance"]["versions"]).get("strata-probes", ""))} · {esc(view["schema"])} · the numbers are in
  accuracy.parquet and predictions.parquet</span></footer>
<p id="notice" role="status" aria-live="polite" hidden></p>"""


def _result(view: Json) -> str:
    parts = []
    for position in view["positions"]:
        first, *others = position["sentences"]
        paragraphs = "".join(f'<p class="sentence">{prose(sentence)}</p>' for sentence in others)
        parts.append(f"<h3>{prose(first)}</h3>{paragraphs}")
    caveats = "".join(f"<li>{prose(warning)}</li>" for warning in view["warnings"]) or "<li>None known.</li>"
    return f"""
<section class="card verdict" aria-labelledby="verdict-title">
  <div class="verdict-head"><h2 id="verdict-title">Result</h2></div>
  {"".join(parts)}
  <div class="caveats"><h3>Caveats</h3><ul>{caveats}</ul></div>
  <p class="fine"><b>What this doesn't say:</b> what a probe can read, the model need not use; only interventions show that.</p>
</section>"""


def _table(view: Json) -> str:
    """Every number of the figure, also without JavaScript."""
    blocks = []
    for position in view["positions"]:
        lines = position["lines"]
        there = [(name, title) for name, title in _COLUMNS if name in lines]
        head = "".join(f'<th scope="col" class="num">{esc(title)}</th>' for _, title in there)
        rows = "".join(
            f'<tr><th scope="row">{stream}{" ◆" if stream == position["best"] else ""}</th>'
            + "".join(f'<td class="num">{_cell(lines[name], row)}</td>' for name, _ in there) + "</tr>"
            for row, stream in enumerate(lines["accuracy"]["layer"])
        )  # fmt: skip
        blocks.append(
            f'<h3>At {foreign(position["name"])}</h3><div class="table-scroll" tabindex="0" role="region" aria-label="Accuracy by stream">'
            f'<table class="plain items"><thead><tr><th scope="col">Stream</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        )
    return f"""
<section id="table" aria-labelledby="table-title"><h2 id="table-title">All numbers</h2>
  <p class="caption">◆ marks the best stream. In brackets the 95 % interval over clusters. The figure's own table also has the shuffled labels.</p>
  {"".join(blocks)}</section>"""


def _cell(line: Json, row: int) -> str:
    return f"{number(line['mean'][row], 3)} {interval(line['low'][row], line['high'][row])}".strip()


def _hardest(view: Json) -> str:
    position = view["positions"][0]
    rows = "".join(_hard_row(row) for row in position["hardest"])
    return f"""
<section id="hardest" aria-labelledby="hardest-title"><h2 id="hardest-title">The hardest items</h2>
  <p class="caption">At {foreign(position["name"])}, stream {position["best"]}: the items whose own label was least likely while they were held out
    (natural log of its probability). Mislabelled texts stand out here.</p>
  <div class="table-scroll" tabindex="0" role="region" aria-label="Hardest items"><table class="plain items"><thead><tr><th scope="col">Item</th>
    <th scope="col">Text</th><th scope="col">Label</th><th scope="col">Predicted</th><th scope="col">Held out</th>
    <th scope="col" class="num">Log-likelihood</th></tr></thead><tbody>{rows}</tbody></table></div></section>"""


def _hard_row(row: Json) -> str:
    verdict = '<span class="answered-yes">right</span>' if row["correct"] else '<span class="answered-no">wrong</span>'
    return (
        f'<tr><td>{foreign(row["item"])}</td><td class="words">{_prompt(row["prompt"])}</td><td>{token(row["label"])}</td>'
        f'<td>{token(row["predicted"])}</td><td>{verdict}</td><td class="num">{number(row["log_likelihood"])}</td></tr>'
    )


def _prompt(text: str) -> str:
    """Its end, which is what the last position has just read."""
    shown = text if len(text) <= _LONGEST_PROMPT else f"…{text[-_LONGEST_PROMPT:]}"
    return f'<bdi class="token whole">{esc(visible(shown))}</bdi>'


def _provenance(view: Json) -> str:
    p = view["provenance"]
    left = "".join(f"<li>{n} × {esc(reason)}</li>" for reason, n in p["excluded"]) or "<li>none</li>"
    warnings = "".join(f"<li>{esc(warning)}</li>" for warning in p["warnings"]) or "<li>none</li>"
    return f"""
<section id="provenance" aria-labelledby="provenance-title">
  <h2 id="provenance-title">Provenance</h2>
  {command_line(p)}
  <div class="prov-grid">
    <div><h3>Run and checkpoint</h3>{fact_list(p["facts"])}</div>
    <div>{tests_and_stages(p)}</div>
    <div><h3>Items excluded before probing</h3><ul>{left}</ul><h3>Warnings</h3><ul>{warnings}</ul></div>
    <div><h3>Configuration</h3>{fact_list(p["config"])}<h3>Versions</h3>{fact_list(p["versions"])}</div>
  </div>
</section>"""
