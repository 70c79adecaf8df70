"""The parts of the comparison page that need no JavaScript: verdict, pair check, answers, locations, halves, provenance."""

from __future__ import annotations

from typing import Any

from strata.dashboards.page.markup import esc, foreign, prose
from strata.dashboards.page.sections import command_line, fact_list, kind_mark, tests_and_stages
from strata.dashboards.page.strip import change_svg
from strata.dashboards.text import count, interval, number
from strata.dashboards.view.comparison_words import ESTIMATES
from strata.experiments.results.answer_measures import DECIDING_RULE, GENERATED

Json = dict[str, Any]
HEADS = {
    "base": "Base", "distilled": "Distilled", "control": "Control", "change": "Change", "control_change": "Control's change",
    "difference_in_differences": "Difference in differences",
}  # fmt: skip
_VERDICTS = {"deeper": "moved deeper", "shallower": "moved to a shallower place", "unchanged": "unchanged"}


def role_mark(role: str) -> str:
    """A model's role with the colour that it has in every plot."""
    return f'<span class="role role-{esc(role)}"><i aria-hidden="true"></i>{esc(role)}</span>'


def verdict(view: Json) -> str:
    """Sentences, the word on the layer-split hypothesis, every caveat in the same size."""
    v = view["verdict"]
    stamps = "".join(
        f'<strong class="stamp">{text}</strong>'
        for applies, text in ((v["quick"], "QUICK RUN"), (v["limited"], "LIMITED RUN"))
        if applies
    )
    sentences = "".join(f"<p class='sentence'>{prose(sentence)}</p>" for sentence in v["sentences"])
    caveats = "".join(
        f'<li class="caveat-{esc(caveat["code"])}">{prose(caveat["text"])}</li>' for caveat in v["caveats"]
    )
    return f"""
<section class="card verdict" aria-labelledby="verdict-title">
  <div class="verdict-head"><h2 id="verdict-title">Verdict</h2>
    <span class="word word-{esc(v["word"])}">layer-split hypothesis: {esc(v["word"])}</span>{stamps}</div>
  {sentences}
  <div class="caveats"><h3>Caveats</h3><ul{' class="many"' if len(v["caveats"]) > 8 else ""}>{caveats or "<li>None known.</li>"}</ul></div>
  <p class="fine"><b>What would change this:</b> {esc(v["would_change"])}</p>
</section>"""


def models_and_pairs(view: Json) -> str:
    """Which models, where their own pages lie, and whether the base is their base."""
    checks = {check["role"]: check for check in view["pair_check"]}
    rows = "".join(_model_row(model, checks.get(model["key"])) for model in view["models"])
    return f"""
<section id="pair" aria-labelledby="pair-title">
  <h2 id="pair-title">Which models, and is the base their base?</h2>
  <p class="caption">{esc(_judged({check["judged_by"] for check in view["pair_check"]}))}Every model has a page of its own.</p>
  <div class="wide"><table class="plain pairs"><thead><tr><th scope="col">Model</th><th scope="col">Checkpoint</th>
    <th scope="col">Shape</th><th scope="col">Is the base its base?</th><th scope="col">Because</th></tr></thead><tbody>{rows}</tbody></table></div>
</section>"""


def _judged(by: set[str]) -> str:
    """How the pairs were judged, as far as any was."""
    if by == {"weights"}:
        return "Judged by the weights of the two checkpoints, apart from all that is measured below. "
    if by == {"names"}:
        return "Judged by the names of the two checkpoints alone: their weights could not be read for it. "
    return "Each judged by what stands under its verdict, apart from all that is measured below. " if by - {""} else ""


def _model_row(model: Json, check: Json | None) -> str:
    link = f'<br><a href="{esc(model["page"])}">its own page</a>' if model["page"] else ""
    shape = f"{model['n_layers']} blocks" + (f", width {model['d_model']}" if model["d_model"] else "")
    verdict_cell, why = '<span class="muted">it is the base</span>', ""
    if check is not None:
        verdict_cell = f'<span class="answered-{"yes" if check["ok"] else "no"}">{esc(check["verdict"])}</span>'
        if check["judged_by"]:
            verdict_cell += f"<small>judged by {esc(check['judged_by'])}</small>"
        why = "<br>".join(esc(reason) for reason in check["reasons"])
        if check["hint"]:
            why += f"<br><b>{esc(check['hint'])}</b>"
    elif model["key"] != "base":
        verdict_cell = '<span class="notrun">not run</span>'
    # Of base and adapters each the beginning: models of one base differ in what follows the plus sign.
    sha = esc("…+".join(part[:12] for part in model["weights_sha256"].split("+")))
    return (
        f'<tr><th scope="row">{role_mark(model["key"])}</th><td>{foreign(model["label"])}{link}<small>weights {sha}…</small></td>'
        f"<td>{esc(shape)}</td><td>{verdict_cell}</td><td>{why}</td></tr>"
    )


def answers(view: Json) -> str:
    """What changed in the answers: by kind, in generated answers, by family."""
    a = view["answers"]
    kinds = "".join(_kind_rows(kind) for kind in a["kinds"])
    return f"""
<section id="answers" aria-labelledby="answers-title">
  <h2 id="answers-title">What changed in the answers?</h2>
  <p class="caption">The same prompts, asked {esc(view["run"]["asked"])}, paired by item; in brackets the 95 % interval over entities. An item is answered
    right {DECIDING_RULE}; that measure stands first. A measure shows a change where its interval leaves 0 out. Bold: a gain or a loss is claimed, since every measure
    of the kind shows it on one side{_also_beyond(view)}. ≠: this interval leaves 0 out, and another measure's lies on the other side of 0. Plain: nothing is
    claimed; what shows it and what doesn't stands beneath. Change: distilled − base. Difference in differences against the control: distilled − control, what the control training does not do as well. Drawn: the change (square) and
    the difference in differences against the control (diamond), from −1 to 1.</p>
  <div class="wide"><table class="plain estimates"><caption class="sr">Answers by kind</caption><thead><tr><th scope="col">Items</th>
    <th scope="col">Measure</th>{_heads()}<th scope="col">Change</th></tr></thead>{kinds}</table></div>
  {_generated(a)}
  {_families(a["families"])}
</section>"""


def _also_beyond(view: Json) -> str:
    control = any(model["key"] == "control" for model in view["models"])
    return (
        ", in the change and in the difference in differences against the control"
        if control
        else " in the change; without a control model that may be what any training does"
    )


def _heads() -> str:
    return "".join(f'<th scope="col" class="head-{name}">{text}</th>' for name, text in HEADS.items())


_UNCLAIMED = {"claimed": False, "opposite": False}
"""Of a number that no claim about the answers stands on."""


def _cells(estimates: Json, digits: int = 2, percent: bool = False, agreed: Json | None = None) -> str:
    """`agreed`: by contrast whether a claim stands on it, and whether two measures show opposites."""
    none: Json = {}
    return "".join(
        f"<td>{estimate_words(estimates[name], name, digits, percent, (agreed or none).get(name, _UNCLAIMED))}</td>"
        for name in ESTIMATES
    )


def estimate_words(
    estimate: Json | None, name: str, digits: int = 2, percent: bool = False, agreed: Json = _UNCLAIMED
) -> str:
    """A number with its interval; n, clusters and method on hover and in the tables. Bold where it is claimed."""
    if estimate is None:
        return '<span class="muted">–</span>'
    scale = 100 if percent else 1
    value, low, high = (None if estimate[part] is None else scale * estimate[part] for part in ("value", "low", "high"))
    sign = "+" if name not in ("base", "distilled", "control") and value is not None and value > 0 else ""
    shown = f"{sign}{number(value, digits)}{' %' if percent and name in ('base', 'distilled', 'control') else ''}"
    shows = (
        low is not None and high is not None and not low <= 0 <= high and name not in ("base", "distilled", "control")
    )
    sure = " sure" if shows and agreed["claimed"] else ""
    band = interval(low, high, digits) or "no interval"
    about = f"n {estimate['n_items']} items in {estimate['n_clusters']} clusters; {estimate['method']}"
    denied = (
        ""
        if not (shows and agreed["opposite"])
        else ' <abbr title="the interval of another measure lies on the other side of 0">≠</abbr>'
    )
    return f'<span class="est{sure}" title="{esc(about)}">{shown}{denied}<small>{band}</small></span>'


def _kind_rows(kind: Json) -> str:
    beneath = _beneath(kind)
    left = f", {kind['excluded']} excluded" if kind["excluded"] else ""
    rows = ""
    for place, measure in enumerate(kind["measures"]):
        share = measure["share"]
        drawn = (
            change_svg([measure["estimates"]["change"], measure["estimates"]["difference_in_differences"]])
            if share
            else ""
        )
        first = (
            f'<th scope="rowgroup" rowspan="{len(kind["measures"]) + bool(beneath)}">{kind_mark(kind["kind"])}'
            f"<small>{count(kind['asked'], 'item')} asked{left}</small></th>"
        )
        decides = "decides; " if measure["decides"] else ""
        label = (
            f'<span title="{esc(measure["means"])}">{esc(measure["label"])}</span>'
            f"<small>{decides}{'% of items; changes in points' if share else esc(measure['unit'])}</small>"
        )
        rows += (
            f"<tr>{'' if place else first}<th scope='row'>{label}</th>"
            f"{_cells(measure['estimates'], 1 if share else 2, share, kind['agreed'])}<td>{drawn}</td></tr>"
        )
    if beneath:
        rows += f'<tr class="under"><td colspan="8"><small>{esc(beneath)}</small></td></tr>'
    return f"<tbody>{rows}</tbody>"


def _beneath(kind: Json) -> str:
    """Why no claim is made of numbers some of which leave 0 out; empty where that doesn't need to be said."""
    apart = f"The measures disagree: {kind['disagreement']}." if kind["disagreement"] else ""
    partly = f"{kind['shown_by'][0].upper()}{kind['shown_by'][1:]}." if kind["shown_by"] else ""
    return " ".join(clause for clause in (apart, partly) if clause)


def _generated(a: Json) -> str:
    head = f"<h3>{GENERATED[0].upper()}{GENERATED[1:]}</h3>"
    if not a["generated"]:
        return f'{head}<div class="state state-notrun"><b>Not run</b><div>{prose(a["generated_text"])}</div></div>'
    rows = ""
    for split in a["generated"]:
        ways = ", ".join(f"{esc(role)}: {esc(way)}" for role, way in split["prompt"].items())
        none = "; ".join(
            f"{esc(role)}: " + ", ".join(f"{n} × {esc(why)}" for why, n in reasons.items())
            for role, reasons in split["no_answer"].items() if reasons
        )  # fmt: skip
        rows += (
            f'<tr><th scope="row">{esc(split["about"])}<small>{_n_of(split["estimates"])}</small></th>{_cells(split["estimates"], 1, True, split["agreed"])}'
            f"<td>{change_svg([split['estimates']['change'], split['estimates']['difference_in_differences']])}</td></tr>"
            f'<tr class="under"><td colspan="8"><small>asked: {ways}. Without an answer: {none or "none"}.</small></td></tr>'
        )
    return f"""{head}<p class="caption">Share of problems answered right in generated text, {esc(a["generated_how"])}; each half of the problems in the way of asking
    that suits the model best on the other half. Bold: claimed of problems like those trained on, by generated answers alone{_generated_rule(a)}. Every answer stands in the run's answers tables.</p>
  <div class="wide"><table class="plain estimates"><thead><tr><th scope="col">Problems</th>{_heads()}<th scope="col">Change</th></tr></thead>
  <tbody>{rows}</tbody></table></div>"""


def _generated_rule(a: Json) -> str:
    beyond = any(split["estimates"]["difference_in_differences"] for split in a["generated"])
    also = ", that of the difference in differences too," if beyond else ""
    return f": the interval leaves 0 out{also} and not all that the measures at the prompts show is the opposite"


def _n_of(estimates: Json) -> str:
    first = next((estimate for estimate in estimates.values() if estimate is not None), None)
    return "" if first is None else f"{first['n_items']} problems in {first['n_clusters']} clusters"


def _families(families: list[Json]) -> str:
    if not families:
        return ""
    rows, before = "", None
    for row in families:
        if row["kind"] != before:
            rows += f'<tr class="kindrow"><th colspan="9" scope="rowgroup">{kind_mark(row["kind"])}</th></tr>'
            before = row["kind"]
        rows += (
            f'<tr><th scope="row">{foreign(row["family"])}<small>{esc(row["decides"])}</small></th><td class="num">{row["asked"]}</td>'
            f"{_cells(row['accuracy'], 0, True, row['agreed'])}"
            f"<td>{change_svg([row['accuracy']['change'], row['accuracy']['difference_in_differences']])}</td></tr>"
        )
    return f"""<h3>By family</h3><p class="caption">The accuracy that decides for the family's items, in %; changes in points. No claim is made of a family:
    these intervals are not corrected for the number of families, and about one in twenty leaves 0 out where nothing changed. ≠ as above, over the family's accuracy by
    choice, by likelihood, logit difference and log-probability of the answer.</p><div class="table-scroll" tabindex="0" role="region" aria-label="Answers by family">
  <table class="plain estimates families"><caption class="sr">Accuracy that decides, by family</caption><thead><tr><th scope="col">Family</th><th scope="col" class="num">Asked</th>
  {_heads()}<th scope="col">Change</th></tr></thead><tbody>{rows}</tbody></table></div>"""


def locations(view: Json) -> str:
    """Did a kind move to another depth? Point, interval, and the bounds within which it counts as unchanged."""
    part = view["locations"]
    rows = "".join(_location_row(row, part["bound"]) for row in part["rows"])
    orders = "".join(f"<li>{role_mark(order['role'])} {prose(order['text'])}</li>" for order in part["orders"])
    ordered = (
        f'<h3>Order of retrieval and reasoning in each model</h3><ul class="orders">{orders}</ul>' if orders else ""
    )
    return f"""
<section id="locations" aria-labelledby="locations-title">
  <h2 id="locations-title">Did retrieval or reasoning move to another depth?</h2>
  <p class="caption">Depth after − depth before, of the same pairs in both models. Square: difference; thick line: 90 % interval; thin line: 95 %;
    shaded: ±{part["bound"]:g}. Unchanged is said only when the 90 % interval lies inside the shade, and nothing is said without a location in both.</p>
  <div class="wide"><table class="plain places"><thead><tr><th scope="col">Kind</th><th scope="col">Model</th><th scope="col">In the base</th>
    <th scope="col">In the model</th><th scope="col">Change of depth</th><th scope="col">−0.5 … 0 … 0.5</th><th scope="col">Verdict</th></tr></thead>
    <tbody>{rows or '<tr><td colspan="7">No item of these kinds was asked.</td></tr>'}</tbody></table></div>
  {ordered}
</section>"""


def _location_row(row: Json, bound: float) -> str:
    support = f"{count(int(row['pairs'] or 0), 'pair')}" + (
        "" if row["clusters"] is None else f" in {count(int(row['clusters']), 'cluster')}"
    )
    # Where a kind is not located its depth is that of noise, and so is a change of it.
    value, drawn = f'<span class="muted">–<small>{esc(support)}</small></span>', ""
    if row["value"] is not None and row["located"]:
        band = interval(row["low"], row["high"]) or "no interval"
        value = (
            f'<span title="{esc(row["method"])}">{number(row["value"], 3)}<small>{band}, {esc(row["p"])}</small>'
            f"<small>{esc(support)}</small></span>"
        )
        drawn = change_svg([row], limit=0.5, bound=bound)
    reason = f"<small>{prose(row['reason'])}</small>" if row["reason"] else ""
    word = _VERDICTS.get(row["verdict"], row["verdict"])
    return (
        f'<tr><th scope="row">{kind_mark(row["kind"])}</th><td>{role_mark(row["role"])}</td><td>{esc(row["base"])}</td>'
        f"<td>{esc(row['after'])}</td><td>{value}</td><td>{drawn}</td><td><b>{esc(word)}</b>{reason}</td></tr>"
    )


def likeness(view: Json) -> str:
    """Agreement of the models' profiles over layers, each beside its split-half ceiling."""
    contrasts = {
        "change": "Distilled and base",
        "control_change": "Control and base",
        "difference_in_differences": "Distilled and control",
    }
    shown = [name for name in contrasts if any(name in row["contrasts"] for row in view["likeness"])]
    if not shown:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{kind_mark(row["kind"])}</th><td>{esc(row["instrument"])}</td><td>{esc(row["reading"])}</td>'
        f"{''.join(_likeness_cell(row['contrasts'].get(name)) for name in shown)}</tr>"
        for row in view["likeness"]
    )
    heads = "".join(f'<th scope="col">{contrasts[name]}</th>' for name in shown)
    return f"""
<section id="likeness" aria-labelledby="likeness-title">
  <h2 id="likeness-title">How alike are the profiles over layers?</h2>
  <p class="caption">Rank correlation over layers of one model's profile with the other's, between halves of the entities that share none; in
    brackets its ceiling, which is how well each model's profile agrees with itself in the same way. A profile of the same shape reaches the ceiling; how far below it is
    more than chance is not tested here. Where the ceiling itself is low, there are too few entities to tell.</p>
  <div class="table-scroll" tabindex="0" role="region" aria-label="Agreement of profiles"><table class="plain estimates"><thead><tr>
    <th scope="col">Kind</th><th scope="col">Instrument</th><th scope="col">Reading</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>
</section>"""


def _likeness_cell(likeness: Json | None) -> str:
    if likeness is None:
        return '<td><span class="muted">–</span></td>'
    if likeness["between"] is None:
        return f'<td><span class="muted told">{esc(likeness["reason"])}</span></td>'
    about = f"{likeness['n_clusters']} entities"
    return f'<td><span title="{esc(about)}">{number(likeness["between"], 2)}<small>[{number(likeness["ceiling"], 2)}]</small></span></td>'


def readings(part: Json) -> str:
    """What the lines of a part say, in sentences; those of one position are shown with it where scripts run."""
    lines = "".join(f"<li{_of_position(reading)}>{esc(reading['text'])}</li>" for reading in part.get("told") or [])
    return f'<ul class="readings">{lines}</ul>' if lines else ""


def _of_position(reading: Json) -> str:
    return f' data-position="{esc(reading["position"])}"' if reading.get("position") else ""


def halves(view: Json) -> str:
    """The layer-split hypothesis in one number for each kind."""
    if not view["halves"]:
        return ""
    scores = view["layer_swaps"]["scores"]
    rows = ""
    for row in view["halves"]:
        cut = "–" if row["cut"] is None else f"from block {row['cut']}"
        apart = (
            estimate_words(row["apart"], "change")
            if row["apart"]
            else f'<span class="muted told">{esc(row["reason"])}</span>'
        )
        rows += (
            f'<tr><th scope="row">{kind_mark(row["kind"])}</th><td>{role_mark(row["role"])}</td><td>{esc(scores[row["measure"]]["label"])}</td>'
            f"<td>{estimate_words(row['whole'], 'change')}</td><td>{cut}</td><td>{apart}</td></tr>"
        )
    return f"""<h3>Upper half against lower half</h3>
  <p class="caption">Recovery with the upper half of the other model's blocks minus recovery with the lower half: 1 where the upper half brings
    the whole change and the lower none, −1 the other way round.</p>
  <div class="wide"><table class="plain estimates"><thead><tr><th scope="col">Kind</th><th scope="col">Model</th><th scope="col">Measure</th>
    <th scope="col">Whole change</th><th scope="col">Upper half</th><th scope="col">Upper − lower</th></tr></thead><tbody>{rows}</tbody></table></div>"""


def outside(view: Json) -> str:
    """Weights that lie in no block."""
    rows = "".join(
        f'<tr><th scope="row">{role_mark(row["contrast"])}</th><td>{esc(row["matrix"])}</td><td class="num">{number(row["relative_norm"], 4)}</td>'
        f'<td class="num">{number(row["stable_rank"], 1)}</td><td class="num">{number(row["cosine"], 5)}</td></tr>'
        for row in view["weights"]["outside"]
    )
    if not rows:
        return ""
    return f"""<div class="outside"><h3>Outside of the blocks</h3><div class="wide"><table class="plain"><thead><tr><th scope="col">Model</th><th scope="col">Matrix</th>
    <th scope="col" class="num">Size of the change</th><th scope="col" class="num">Stable rank</th><th scope="col" class="num">Cosine</th></tr></thead>
    <tbody>{rows}</tbody></table></div></div>"""


def not_comparable(view: Json) -> str:
    """Measures that were excluded, each with its reason."""
    rows = "".join(
        f"<tr><td>{esc(entry['measure'])}</td><td>{role_mark(entry['model'])}</td><td>{prose(entry['reason'])}</td></tr>"
        for entry in view["not_comparable"]
    )
    body = (
        f"""<div class="wide"><table class="plain"><thead><tr><th scope="col">Measure</th><th scope="col">Model</th><th scope="col">Reason</th></tr></thead>
    <tbody>{rows}</tbody></table></div>"""
        if rows
        else "<p>Every measure could be made of every model.</p>"
    )
    return f"""
<section id="incomparable" aria-labelledby="incomparable-title"><h2 id="incomparable-title">Not comparable</h2>{body}</section>"""


def provenance(view: Json) -> str:
    """Command, manifests, self-tests, seeds; the models' own run directories beside this page."""
    p = view["provenance"]
    models = "".join(
        f"<li>{role_mark(model['key'])} "
        + (f'<a href="{esc(model["page"])}">run {esc(model["run_id"])}</a>' if model["page"] else "no run directory")
        + f"<br><small>weights {esc(model['weights_sha256'])}<br>tokenizer {esc(model['tokenizer_sha256'])}</small></li>"
        for model in view["models"]
    )
    warnings = "".join(f"<li>{esc(w)}</li>" for w in p["warnings"]) or "<li>none</li>"
    return f"""
<section id="provenance" aria-labelledby="provenance-title">
  <h2 id="provenance-title">Provenance</h2>
  {command_line(p)}
  <div class="prov-grid">
    <div><h3>Run</h3>{fact_list(p["facts"])}<h3>Runs of the models</h3><ul class="runs">{models}</ul></div>
    <div>{tests_and_stages(p)}</div>
    <div><h3>Warnings</h3><ul>{warnings}</ul><h3>Versions</h3>{fact_list(p["versions"])}</div>
    <div><h3>Configuration</h3>{fact_list(p["config"])}</div>
  </div>
</section>"""
