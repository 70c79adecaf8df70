"""The parts of the page that need no JavaScript: verdict card, behaviour, item rows, provenance."""

from __future__ import annotations

from typing import Any

from strata.dashboards.page.markup import esc, foreign, prose, token
from strata.dashboards.page.strip import axis_head, share_svg, strip_svg
from strata.dashboards.text import count, interval, number, stream_range
from strata.experiments.results.answer_measures import ANSWERED_RIGHT, BY_CHOICE, BY_LIKELIHOOD, USED

Json = dict[str, Any]
STATIC_ITEM_ROWS = 200
_KEY_SQUARE = '<svg class="key" viewBox="0 0 12 12" aria-hidden="true"><rect x="2" y="1" width="8" height="10" class="fill"/></svg> '
_YES_NO = {True: "yes", False: "no", None: "–"}


def kind_mark(kind: str) -> str:
    """Kind as marker and word; the marker repeats the one in the curves."""
    return f'<span class="kind kind-{esc(kind)}"><i aria-hidden="true"></i>{esc(kind)}</span>'


def verdict(view: Json) -> str:
    """The verdict card: the order, then a sentence a statement; the rest stands below the map."""
    v = view["verdict"]
    told = "".join(
        f'<p class="sentence sentence-{esc(s["about"])}"><strong>{prose(s["head"])}</strong>{prose(s["rest"])}</p>'
        for s in v["sentences"]
    )
    stamps = "".join(
        f'<strong class="stamp">{esc(text)}</strong>'
        for applies, text in ((v["quick"], "QUICK RUN"), (view["run"]["limited"], "LIMITED RUN")) if applies
    )  # fmt: skip
    # An order needs two kinds.
    only = "" if v["general"] else " for these families"
    word = f'<span class="word word-{esc(v["word"])}">order: {esc(v["word"])}{only}</span>' if v["ordered"] else ""
    known = count(len(v["caveats"]), "caveat")
    return f"""
<section class="card verdict" aria-labelledby="verdict-title">
  <div class="verdict-head"><h2 id="verdict-title">Where are answers made?</h2>
    {word}{stamps}<a class="more" href="#bykind">{known}, in full below</a></div>
  {told}
</section>"""


def by_kind(view: Json) -> str:
    """One row a kind with its strip, caveats in the type size of the verdict, calibration."""
    v = view["verdict"]
    caveats = "".join(f'<li class="caveat-{esc(c["code"])}">{prose(c["text"])}</li>' for c in v["caveats"])
    rows = "".join(_kind_row(k, v["state"]) for k in v["kinds"])
    definitions = sorted(
        {(o["label"], o["definition"]) for k in v["kinds"] for o in k["onsets"] if o.get("definition")}, key=str
    )
    defined = "".join(f"<span><b>{esc(label)} onset:</b> {esc(text)}.</span> " for label, text in definitions)
    between = v.get("intermediates")
    between = f'<p class="between"><b>Intermediates:</b> {esc(between)}.</p>' if between else ""
    return f"""
<section class="card verdict" id="bykind" aria-labelledby="bykind-title">
  <div class="verdict-head"><h2 id="bykind-title">By kind of item, and caveats</h2></div>
  <div class="verdict-body">
    <div class="verdict-table"><table class="plain kinds">
      <caption class="sr">Per kind of item: how many are used, where made, where decodable, where readable</caption>
      <thead><tr><th scope="col">Items</th><th scope="col">Used</th><th scope="col">{_KEY_SQUARE}Made by</th>
        <th scope="col"><svg class="key" viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4.5" class="fill"/></svg>
          Decodable from</th>
        <th scope="col"><svg class="key" viewBox="0 0 12 12" aria-hidden="true"><path d="M6 1 11 6 6 11 1 6z" class="hollow"/></svg>
          Readable from</th>
        <th scope="col" class="strip-col"><span class="sr">Depth of all three, 0 to 1</span>{axis_head()}</th></tr></thead>
      <tbody>{rows}</tbody></table></div>
    <div class="caveats"><h3>Caveats</h3><ul>{caveats or "<li>None known.</li>"}</ul></div>
  </div>{between}
  <p class="fine">{defined}<b>Calibration:</b> {esc(view["calibration"]["text"])}
    <b>What would change this:</b> {esc(v["would_change"])}</p>
</section>"""


def _kind_row(kind: Json, state: str) -> str:
    right = "" if kind["accuracy"] is None else f"<small>{number(100 * kind['accuracy'], 0)} % {ANSWERED_RIGHT}</small>"
    about = f"{USED}; {kind['families_answered']} of {count(kind['families'], 'family is', 'families are')} answered"
    return (
        f'<tr><th scope="row">{kind_mark(kind["kind"])}</th><td title="{esc(about)}"><b>{kind["used"]}</b> of {kind["items"]}{right}</td>'
        f"{_made_cell(kind, state)}{''.join(_onset_cell(o) for o in kind['onsets'])}"
        f'<td class="strip-col">{strip_svg(kind)}</td></tr>'
    )


def _made_cell(kind: Json, state: str) -> str:
    if state == "withdrawn":
        return '<td><span class="notrun">not shown</span></td>'
    place = kind["place"]
    if place is None:
        if kind["located"] == "not looked for":
            return f'<td><span class="notrun">not run</span><small class="wrap">{esc(kind["why"])}</small></td>'
        return f'<td class="wrap"><b>{esc(kind["located"])}</b><small class="wrap">{esc(kind["why"])}</small></td>'
    low, high = place["interval"]
    return (
        f'<td class="wrap"><b>{esc(kind["located"])}</b><small>95 % interval [{low}, {high}], depth {number(place["depth"])}</small>'
        f"<small>{esc(kind['tested'])}</small></td>"
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
  <p class="caption">Asked {esc(view["run"]["asked"])}. {esc(b["rule"])} Dot: the accuracy that decides; bar: {esc(b["interval"])};
    dotted line: the chance it is held against. Unanswered families stay in every view.</p>
  <div class="wide" tabindex="0" role="region" aria-label="Behaviour by family"><table class="plain behaviour"><caption class="sr">Behaviour, one row a family</caption>
  <thead><tr><th scope="col">Family</th><th scope="col">Answered</th><th scope="col" class="num">Items</th><th scope="col" colspan="2">Accuracy that decides</th>
    <th scope="col">Other accuracy</th><th scope="col">Decodable from</th><th scope="col">Readable from</th></tr></thead>{bodies}</table></div>
</section>"""


def _behaviour_body(kind: str, rows: list[Json]) -> str:
    body = "".join(_behaviour_row(r) for r in rows)
    return f'<tbody><tr class="kindrow"><th colspan="8" scope="rowgroup">{kind_mark(kind)}</th></tr>{body}</tbody>'


def _behaviour_row(r: Json) -> str:
    decides = r["decides"]
    drawn, accuracy = "", '<span class="muted">not asked</span>'
    if decides is not None and decides["value"] is not None:
        drawn = share_svg(decides["value"], decides["low"], decides["high"], decides["chance"])
        chance = "" if decides["chance"] is None else f", chance {number(decides['chance'])}"
        accuracy = (
            f"{number(decides['value'])} <small>{interval(decides['low'], decides['high'])}{chance}</small>"
            f"<small>{esc(decides['label'])}</small>"
        )
    return (
        f'<tr class="{"" if r["answered"] else "off"}"><th scope="row">{foreign(r["family"])}</th>'
        f'<td><span class="answered-{"yes" if r["answered"] else "no"}">{"yes" if r["answered"] else r["word"]}</span>'
        f"<small>{r['used_items']} of {r['n']} used</small></td>"
        f'<td class="num">{r["n"]}<small>in {count(r["clusters"], "cluster")}</small></td>'
        f'<td class="share">{drawn}</td><td>{accuracy}</td><td>{_other_accuracy(r)}</td>'
        f"<td>{_family_onset(r['onsets'].get('probe'))}</td><td>{_family_onset(r['onsets'].get('lens'))}</td></tr>"
    )


def _other_accuracy(r: Json) -> str:
    """The accuracies that were measured beside the one that decides."""
    deciding = (r["decides"] or {}).get("measures", [])
    accuracies = [
        f"{number(value)} <small>{interval(low, high)}, chance {esc(measure.chance)}</small><small>{esc(measure.label)}</small>"
        for measure, value, low, high in (
            (BY_CHOICE, r["choice_accuracy"], r["choice_low"], r["choice_high"]),
            (BY_LIKELIHOOD, r["accuracy"], r["low"], r["high"]),
        )
        if value is not None and deciding != [measure.name]
    ]
    return "".join(accuracies) or '<span class="muted">–</span>'


def _family_onset(onset: Json | None) -> str:
    if onset is None:
        return '<span class="muted">–</span>'
    if onset["layer"] is None:
        return '<span class="muted">none</span>'
    band = f"<small>[{stream_range(onset)}]</small>" if onset["low"] is not None else ""
    return f"{esc(onset['axis'])} {onset['layer']}{band}"


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
        f'<tr class="{"excluded" if r["reason"] else ""}"><td>{mark}{foreign(r["item"])}</td><td>{foreign(r["family"])}</td>'
        f"<td>{esc(r['kind'])}</td><td>{token(r['answer'])}</td><td>{token(r['foil'])}</td>"
        f'<td class="num">{number(r["logit_difference"])}</td><td class="num">{"–" if r["rank"] is None else r["rank"]}</td>'
        f"<td>{_YES_NO[r['correct_by_choice']]}</td><td>{_YES_NO[r['correct']]}</td><td>{emergence}</td><td>{esc(r['reason'])}</td></tr>"
    )


def provenance(view: Json) -> str:
    """Manifest, command, self-tests, stages, what was excluded, warnings, file sizes."""
    p = view["provenance"]
    left = "".join(f"<li>{n} × {esc(reason)}</li>" for reason, n in p["excluded"]) or "<li>none</li>"
    pairs = "".join(
        f"<li>{kind_mark(k['kind'])}: {k['usable']} usable"
        + "".join(f"<br>{n} × {esc(reason)}" for reason, n in k["excluded"]) + "</li>"
        for k in view["causal"]["pairs"]
    )  # fmt: skip
    warnings = "".join(f"<li>{esc(w)}</li>" for w in p["warnings"]) or "<li>none</li>"
    checks = "".join(
        f"<li>{esc(c['name'])}: accuracy {number(c['accuracy'])} {interval(c['low'], c['high'])}, n = {c['n']}, "
        f"{'contains chance' if c['contains_chance'] else 'chance lies outside'}</li>"
        for c in view.get("format_check") or []
    )
    return f"""
<section id="provenance" aria-labelledby="provenance-title">
  <h2 id="provenance-title">Provenance</h2>
  {command_line(p)}
  <div class="prov-grid">
    <div><h3>Run and checkpoint</h3>{fact_list(p["facts"])}</div>
    <div>{tests_and_stages(p)}</div>
    <div><h3>Format-only classifier</h3><ul>{checks or "<li>not run</li>"}</ul>
      <h3>Items excluded</h3><ul>{left}</ul><h3>Pairs excluded from interventions</h3><ul>{pairs or "<li>not run</li>"}</ul>
      <h3>Warnings</h3><ul>{warnings}</ul></div>
    <div><h3>Configuration</h3>{fact_list(p["config"])}<h3>Versions</h3>{fact_list(p["versions"])}</div>
  </div>
</section>"""


def command_line(p: Json) -> str:
    """The command with its button."""
    return f"""<div class="command"><code id="command">{esc(p["command"])}</code><button type="button" data-copy="command">Copy</button></div>"""


def tests_and_stages(p: Json) -> str:
    """Two tables: which identities held, and where time and memory went."""
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
    return f"""<h3>Self-tests</h3><table class="plain"><thead><tr><th scope="col">Identity</th><th scope="col">Result</th>
      <th scope="col" class="num">Value</th><th scope="col" class="num">Tolerance</th></tr></thead><tbody>{tests}</tbody></table>
      <h3>Stages</h3><table class="plain"><thead><tr><th scope="col">Stage</th><th scope="col" class="num">Time</th>
      <th scope="col" class="num">Peak memory</th></tr></thead><tbody>{stages}</tbody></table>"""


def fact_list(pairs: list[list[str]]) -> str:
    """Names and values."""
    rows = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"
