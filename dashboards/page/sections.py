"""The parts of the page that need no JavaScript: verdict card, behaviour, item rows, provenance."""

from __future__ import annotations

import re
from typing import Any

from dashboards.page.markup import esc, foreign, token
from dashboards.page.strip import axis_head, share_svg, strip_svg
from dashboards.view.text import interval, number, stream_range

Json = dict[str, Any]
STATIC_ITEM_ROWS = 200
_YES_NO = {True: "yes", False: "no", None: "–"}
_STRONG = re.compile(r"((?:decodable|readable) (?:from stream \d+|at no stream)|(?:knowledge|reasoning) items)")


def kind_mark(kind: str) -> str:
    """Kind as marker and word; the marker repeats the one in the curves."""
    return f'<span class="kind kind-{esc(kind)}"><i aria-hidden="true"></i>{esc(kind)}</span>'


def verdict(view: Json) -> str:
    """The verdict card: word, sentence, one row a kind with its strip, caveats in the same size, calibration."""
    v = view["verdict"]
    caveats = "".join(f'<li class="caveat-{esc(c["code"])}">{esc(c["text"])}</li>' for c in v["caveats"])
    rows = "".join(_verdict_row(k) for k in v["kinds"])
    sentence = _STRONG.sub(r"<strong>\1</strong>", esc(v["sentence"]))
    definitions = sorted(
        {(o["label"], o["definition"]) for k in v["kinds"] for o in k["onsets"] if o.get("definition")}, key=str
    )
    defined = "".join(f"<span><b>{esc(label)} onset:</b> {esc(text)}.</span> " for label, text in definitions)
    return f"""
<section class="card verdict" aria-labelledby="verdict-title">
  <div class="verdict-head"><h2 id="verdict-title">Verdict</h2>
    <span class="word word-{esc(v["word"])}">order: {esc(v["word"])}</span></div>
  <p class="sentence">{sentence}</p>
  <div class="verdict-body">
    <div class="verdict-table"><table class="plain kinds">
      <caption class="sr">Per kind of item: how many are answered, where decodable, where readable, where located</caption>
      <thead><tr><th scope="col">Items</th><th scope="col">Answered</th>
        <th scope="col"><svg class="key" viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4.5" class="fill"/></svg>
          Decodable from</th>
        <th scope="col"><svg class="key" viewBox="0 0 12 12" aria-hidden="true"><path d="M6 1 11 6 6 11 1 6z" class="hollow"/></svg>
          Readable from</th><th scope="col">Located</th>
        <th scope="col" class="strip-col"><span class="sr">Depth of both, 0 to 1</span>{axis_head()}</th></tr></thead>
      <tbody>{rows}</tbody></table></div>
    <div class="caveats"><h3>Caveats</h3><ul>{caveats or "<li>None known.</li>"}</ul></div>
  </div>
  <p class="fine">{defined}<b>Calibration:</b> {esc(view["calibration"]["text"])}
    <b>What would change this:</b> {esc(v["would_change"])}</p>
</section>"""


def _verdict_row(kind: Json) -> str:
    cells = "".join(_onset_cell(o) for o in kind["onsets"])
    families = f"{kind['families_answered']} of {kind['families']} families"
    return (
        f'<tr><th scope="row">{kind_mark(kind["kind"])}</th>'
        f"<td><b>{kind['used']}</b> of {kind['items']}<small>{families}</small></td>{cells}"
        f'<td class="muted">{esc(kind["located"])}</td><td class="strip-col">{strip_svg(kind)}</td></tr>'
    )


def _onset_cell(onset: Json) -> str:
    if onset["state"] == "not_run":
        return '<td><span class="notrun">not run</span></td>'
    if onset["layer"] is None:
        return f"<td><b>no stream</b><small>n = {onset['n']}</small></td>"
    band = f" [{stream_range(onset)}]" if onset["low"] is not None else ""
    return (
        f"<td><b>stream {onset['layer']}</b>{band}<small>depth {number(onset['depth'])}, n = {onset['n']}</small></td>"
    )


def behaviour(view: Json) -> str:
    """Per family: is it answered, and from where on? A row for every family, the unanswered ones included."""
    b = view["behaviour"]
    kinds: dict[str, list[Json]] = {}
    for row in b["rows"]:
        kinds.setdefault(row["kind"], []).append(row)
    bodies = "".join(_behaviour_body(kind, rows) for kind, rows in kinds.items())
    return f"""
<section id="behaviour" aria-labelledby="behaviour-title">
  <h2 id="behaviour-title">Does the model answer at all?</h2>
  <p class="caption">Dot: share of items whose answer is likelier than its foil; bar: {esc(b["interval"])}; dotted line: chance, ½.
    {esc(b["rule"])} Unanswered families stay in every view.</p>
  <div class="wide"><table class="plain behaviour"><caption class="sr">Behaviour, one row a family</caption>
  <thead><tr><th scope="col">Family</th><th scope="col">Answered</th><th scope="col" class="num">Items</th><th scope="col" colspan="2">Accuracy by likelihood</th>
    <th scope="col">By choice</th><th scope="col">Decodable from</th><th scope="col">Readable from</th></tr></thead>{bodies}</table></div>
</section>"""


def _behaviour_body(kind: str, rows: list[Json]) -> str:
    body = "".join(_behaviour_row(r) for r in rows)
    return f'<tbody><tr class="kindrow"><th colspan="8" scope="rowgroup">{kind_mark(kind)}</th></tr>{body}</tbody>'


def _behaviour_row(r: Json) -> str:
    choice = '<span class="muted">–</span>'
    if r["choice_accuracy"] is not None:
        chance = f", chance {number(r['choice_chance'])}" if r["choice_chance"] is not None else ""
        band = interval(r["choice_low"], r["choice_high"])
        choice = f'{number(r["choice_accuracy"])} <span class="muted">{band}{chance}</span>'
    word = "yes" if r["answered"] else "not answered"
    return (
        f'<tr class="{"" if r["answered"] else "off"}"><th scope="row">{foreign(r["family"])}</th>'
        f'<td><span class="answered-{"yes" if r["answered"] else "no"}">{word}</span> '
        f'<span class="muted">{r["used_items"]} of {r["n"]} used</span></td>'
        f'<td class="num">{r["n"]} <span class="muted">in {r["clusters"]} clusters</span></td>'
        f'<td class="share">{"" if r["accuracy"] is None else share_svg(r["accuracy"], r["low"], r["high"])}</td>'
        f"<td>{number(r['accuracy'])} <span class='muted'>{interval(r['low'], r['high'])}</span></td><td>{choice}</td>"
        f"<td>{_family_onset(r['onsets'].get('probe'))}</td><td>{_family_onset(r['onsets'].get('lens'))}</td></tr>"
    )


def _family_onset(onset: Json | None) -> str:
    if onset is None:
        return '<span class="muted">–</span>'
    if onset["layer"] is None:
        return '<span class="muted">none</span>'
    band = f" [{stream_range(onset)}]" if onset["low"] is not None else ""
    return f'{esc(onset["axis"])} {onset["layer"]}<span class="muted">{band}</span>'


def item_rows(view: Json) -> str:
    """The first rows of the item table, for readers without JavaScript; the page takes over from there."""
    columns = view["items"]["columns"]
    total = min(len(columns["item"]), STATIC_ITEM_ROWS)
    return "".join(_item_row({name: values[i] for name, values in columns.items()}) for i in range(total))


def _item_row(r: Json) -> str:
    e = r["emergence"]
    emergence = {"ok": f"stream {e.get('stream')}", "never": "never", "not_run": "not run"}.get(e["state"], "–")
    mark = "◆ " if r["map"] else ""
    return (
        f'<tr class="{"left-out" if r["reason"] else ""}"><td>{mark}{foreign(r["item"])}</td><td>{foreign(r["family"])}</td>'
        f"<td>{esc(r['kind'])}</td><td>{token(r['answer'])}</td><td>{token(r['foil'])}</td>"
        f'<td class="num">{number(r["logit_difference"])}</td><td class="num">{"–" if r["rank"] is None else r["rank"]}</td>'
        f"<td>{_YES_NO[r['correct']]}</td><td>{emergence}</td><td>{esc(r['reason'])}</td></tr>"
    )


def provenance(view: Json) -> str:
    """Manifest, command, self-tests, stages, what was left out, warnings, file sizes."""
    p = view["provenance"]
    tests = "".join(
        f'<tr><td>{esc(t["name"])}</td><td><span class="answered-{"yes" if t["passed"] else "no"}">'
        f"{'passed' if t['passed'] else 'FAILED'}</span></td><td class='num'>{esc(t['value'])}</td>"
        f"<td class='num'>{esc(t['tolerance'])}</td></tr>"
        for t in p["self_tests"]
    )
    stages = "".join(
        f"<tr><td>{esc(n)}</td><td class='num'>{esc(s)}</td><td class='num'>{esc(m)}</td></tr>"
        for n, s, m in p["stages"]
    )
    left = "".join(f"<li>{n} × {esc(reason)}</li>" for reason, n in p["left_out"]) or "<li>none</li>"
    warnings = "".join(f"<li>{esc(w)}</li>" for w in p["warnings"]) or "<li>none</li>"
    checks = "".join(
        f"<li>{esc(c['name'])}: accuracy {number(c['accuracy'])} {interval(c['low'], c['high'])}, n = {c['n']}, "
        f"{'contains chance' if c['contains_chance'] else 'chance lies outside'}</li>"
        for c in view.get("format_check") or []
    )
    return f"""
<section id="provenance" aria-labelledby="provenance-title">
  <h2 id="provenance-title">Provenance</h2>
  <div class="command"><code id="command">{esc(p["command"])}</code><button type="button" data-copy="command">Copy</button></div>
  <div class="prov-grid">
    <div><h3>Run and checkpoint</h3>{_pairs(p["facts"])}</div>
    <div><h3>Self-tests</h3><table class="plain"><thead><tr><th scope="col">Identity</th><th scope="col">Result</th>
      <th scope="col" class="num">Value</th><th scope="col" class="num">Tolerance</th></tr></thead><tbody>{tests}</tbody></table>
      <h3>Stages</h3><table class="plain"><thead><tr><th scope="col">Stage</th><th scope="col" class="num">Time</th>
      <th scope="col" class="num">Peak memory</th></tr></thead><tbody>{stages}</tbody></table></div>
    <div><h3>Format-only classifier</h3><ul>{checks or "<li>not run</li>"}</ul>
      <h3>Items left out</h3><ul>{left}</ul><h3>Warnings</h3><ul>{warnings}</ul></div>
    <div><h3>Configuration</h3>{_pairs(p["config"])}<h3>Versions</h3>{_pairs(p["versions"])}</div>
  </div>
</section>"""


def _pairs(pairs: list[list[str]]) -> str:
    rows = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"
