"""What may be said in one sentence, and what must stand beside it? The words of the verdict card."""

from __future__ import annotations

from typing import Any

from strata.dashboards.sentences.intermediates import intermediates_words
from strata.dashboards.sentences.localisation import Sentence, located_words, sentences
from strata.dashboards.sentences.places import span_words
from strata.dashboards.sentences.reasons import why_not_located
from strata.dashboards.text import count, interval, listed, number, significant, stream_range, without_paths
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.localised import FIRST_RULE
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.kinds import KindLocalisation, Localisation

Json = dict[str, Any]
_SHORT = {"probe": "Linear probe", "lens": "Logit lens"}
WOULD_CHANGE = "Interventions: only they can show which part of the model makes the answer, and where."
WOULD_CHANGE_CAUSAL = (
    "More families or pairs that move the intervals, a control that is made elsewhere, "
    "or a calibration on planted models that finds this rule off."
)


def build_verdict(run: RunTables, localisation: Localisation | None, series: list[Json], behaviour: list[Json]) -> Json:
    """Sentences, a row a kind, and caveats. Every n belongs to the items its own sentence is about.

    `localisation`: None of a run whose places are withdrawn.
    """
    kinds = [_kind(run, localisation, name, value, behaviour) for name, value in _ordered(run.summary.get("kinds", {}))]
    names = {k["kind"] for k in kinds}
    state = localised_state(localisation)
    told = [] if localisation is None else sentences(localisation)
    readings = Sentence("readings", *_readings(kinds))
    first = [Sentence("withdrawn", "No place is shown. ", FIRST_RULE)] if localisation is None else []
    return {
        "state": state,
        "word": "undetermined" if localisation is None else localisation.order.verdict,
        "sentences": [{"about": s.about, "head": s.head, "rest": s.rest} for s in (*first, *told, readings)],
        "intermediates": intermediates_words(run.summary.get("intermediates")) if "composite" in names else "",
        "general": localisation is not None
        and (localisation.order.general or localisation.order.verdict == "undetermined"),
        "ordered": localisation is not None and {"knowledge", "reasoning"} <= names,
        "quick": bool(run.summary.get("quick")),
        "kinds": kinds,
        "caveats": _caveats(run, kinds, series, behaviour),
        "would_change": WOULD_CHANGE_CAUSAL if state == "ok" else WOULD_CHANGE,
    }


def localised_state(localisation: Localisation | None) -> str:
    """`withdrawn`: places by the first rule; `not_run`: no intervention was made; `ok`."""
    if localisation is None:
        return "withdrawn"
    measured = any(family.cells for family in localisation.families.values())
    return "ok" if measured or any(kind.cells for kind in localisation.kinds.values()) else "not_run"


def _ordered(kinds: Json) -> list[tuple[str, Json]]:
    return sorted(kinds.items(), key=lambda e: (kind_order(e[0]), e[0]))


def _kind(run: RunTables, localisation: Localisation | None, name: str, value: Json, behaviour: list[Json]) -> Json:
    families = [b for b in behaviour if b["kind"] == name]
    of_kind = None if localisation is None else localisation.kinds.get(name)
    return {
        "kind": name,
        "items": int(value.get("items") or 0),
        "used": int(value.get("used") or 0),
        "accuracy": significant(value.get("accuracy")),
        "families": len(families),
        "families_answered": sum(b["answered"] for b in families),
        **_place(run, localisation, name, of_kind),
        "onsets": [_onset(short, value, run.n_layers) for short in ("probe", "lens")],
    }


def _place(run: RunTables, localisation: Localisation | None, name: str, of_kind: KindLocalisation | None) -> Json:
    """Where the kind is made: for its row in the table, and for its strip as depths."""
    out: Json = {"located": "not shown", "place": None, "tested": "", "why": "", "sought": True}
    if localisation is None or of_kind is None:
        return out
    located = of_kind.located
    if located is None:
        why = of_kind.why_not_located
        sought = why is None or why.code not in ("no-interventions", "not-asked")
        reason = "" if why is None else why_not_located(why)
        return out | {"located": "undetermined" if sought else "not looked for", "why": reason, "sought": sought}
    span = span_words(family.span for family in localisation.families.values() if family.kind == name)
    ends = [located.first / run.n_layers, (located.last + 1) / run.n_layers]
    wide = [located.interval[0] / run.n_layers, (located.interval[1] + 1) / run.n_layers]
    return out | {
        "located": located_words(located, span),
        "tested": f"{located.families} of {count(located.of, 'family', 'families')}",
        "place": {"cell": located.cell, "first": located.first, "last": located.last, "interval": list(located.interval),
                  "depth": significant(located.depth), "ends": [significant(end) for end in ends], "wide": [significant(end) for end in wide]},
    }  # fmt: skip


def _onset(short: str, kind: Json, n_layers: int) -> Json:
    raw = (kind.get("instruments") or {}).get(short)
    out: Json = {"instrument": short, "label": _SHORT[short], "state": "ok", "axis": "stream", "definition": ""}
    out |= {"layer": None, "depth": None, "low": None, "high": None, "low_depth": None, "high_depth": None, "n": None}
    if not raw:
        return out | {"state": "not_run", "text": "not run"}
    onset = raw.get("onset", raw)
    if not onset:
        return out | {"state": "not_run", "text": "not run"}
    low, high = (onset.get("interval") or [None, None])[:2]
    layer = onset.get("layer")
    depth = onset.get("depth")
    if layer is not None and depth is None:
        depth = layer / n_layers
    out |= {"layer": layer, "depth": significant(depth), "low": low, "high": high, "n": onset.get("n")}
    out |= {"low_depth": None if low is None else significant(low / n_layers)}
    # An interval that reaches "none" is drawn to the end of the strip.
    end = n_layers if high is None and low is not None else high
    out |= {"high_depth": None if end is None else significant(end / n_layers)}
    out["definition"] = onset.get("definition") or raw.get("definition") or ""
    band = stream_range(out) if low is not None else ""
    text = "none" if layer is None else f"stream {layer}, depth {number(depth)}{f' ({band})' if band else ''}"
    return out | {"text": text}


def _short_clause(kind: Json) -> str:
    parts = []
    for onset, word in zip(kind["onsets"], ("decodable", "readable"), strict=True):
        if onset["state"] == "not_run":
            parts.append(f"not looked for by the {onset['label'].lower()}")
        else:
            parts.append(f"{word} at no stream" if onset["layer"] is None else f"{word} from stream {onset['layer']}")
    return " and ".join(parts)


def _readings(kinds: list[Json]) -> tuple[str, str]:
    """What can be read, which need not be used; the table has depth, interval and n of every onset."""
    shown = [k for k in kinds if k["kind"] in ("knowledge", "reasoning")] or kinds[:2]
    if not shown:
        return "No items were asked", ", so nothing can be said."
    clauses = [f"on {kind['kind']} items the answer is {_short_clause(kind)}" for kind in shown]
    return "Beside it", f": {'; '.join(clauses)}."


def _caveats(run: RunTables, kinds: list[Json], series: list[Json], behaviour: list[Json]) -> list[Json]:
    out: list[Json] = []

    def add(code: str, text: str) -> None:
        if all(c["text"] != text for c in out):
            out.append({"code": code, "text": text})

    if run.summary.get("quick"):
        add(
            "quick",
            "This is a --quick run: fewer families, items and pairs, fewer draws and fewer lines, so its intervals are wide.",
        )
    if run.manifest.get("limited"):
        add(
            "limited",
            f"This is a --limit run over {count(len(run.behaviour), 'item')}: good for trying out, not for conclusions.",
        )
    failed = [t["name"] for t in run.manifest.get("self_tests") or [] if not t.get("passed")]
    if failed:
        add("self_test", f"Self-test failed: {listed(failed)}. No number below can be trusted.")
    for name in [k["kind"] for k in kinds]:
        families = [b for b in behaviour if b["kind"] == name]
        missing = [b["family"] for b in families if not b["answered"]]
        if missing:
            add("unanswered", f"{len(missing)} of {count(len(families), f'{name} family', f'{name} families')} not answered: "
                f"{listed(missing)}.")  # fmt: skip
    for kind in kinds:
        for text in _contradictions(kind, series):
            add("contradiction", text)
    _format_caveats(run, add)
    for warning in run.summary.get("warnings") or []:
        add("warning", warning_words(warning).rstrip(".") + ".")
    return out


def warning_words(warning: Any) -> str:
    """A warning as it was written, or a code with its numbers in words."""
    if isinstance(warning, dict):
        about = {name: value for name, value in warning.items() if name not in ("code", "text")}
        said = str(warning.get("text") or str(warning.get("code") or "").replace("-", " ").capitalize())
        listed_values = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in about.items())
        warning = said if "text" in warning or not about else f"{said} ({listed_values})"
    return str(without_paths(str(warning)))


def _contradictions(kind: Json, series: list[Json]) -> list[str]:
    """Where a control or a baseline speaks against the onset that the sentence names."""
    probe, lens = kind["onsets"]
    out = []
    if probe["layer"] == 0:
        out.append(
            f"{kind['kind'].capitalize()}: decodable at stream 0 already, so the probe reads the input, not a computation."
        )
    if probe["layer"] is not None and lens["layer"] is not None and lens["layer"] < probe["layer"]:
        out.append(
            f"{kind['kind'].capitalize()}: probe and lens contradict each other, readable (stream {lens['layer']}) "
            f"before decodable (stream {probe['layer']})."
        )
    if probe["layer"] is None:
        return out
    accuracy = _at(series, kind["kind"], "accuracy", probe["layer"])
    reached = []
    for name, words in (
        ("random_init", "the same model with random weights"),
        ("control_accuracy", "the control task"),
    ):
        other = _at(series, kind["kind"], name, probe["layer"])
        if accuracy and other and accuracy[1] is not None and other[0] is not None and other[0] >= accuracy[1]:
            reached.append(f"{words} ({number(other[0])})")
    if reached and accuracy:
        out.append(
            f"{kind['kind'].capitalize()}: at the probe's onset, stream {probe['layer']}, {listed(reached)} "
            f"{'lies' if len(reached) == 1 else 'lie'} inside or above its interval {interval(accuracy[1], accuracy[2])}."
        )
    return out


def _at(
    series: list[Json], kind: str, measure: str, layer: int
) -> tuple[float | None, float | None, float | None] | None:
    for s in series:
        if (s["instrument"], s["measure"], s["kind"], s["family"]) != ("probe.linear", measure, kind, None):
            continue
        if s["target"] not in (None, "answer") or s["scheme"] not in (None, "cluster") or layer not in s["layer"]:
            continue
        i = s["layer"].index(layer)
        return s["mean"][i], s["low"][i], s["high"][i]
    return None


def _format_caveats(run: RunTables, add: Any) -> None:
    contrasts = (run.format_check or {}).get("contrasts")
    if not contrasts:
        add("format", "The format-only classifier did not run: prompts of two kinds may differ in form alone.")
        return
    for c in contrasts:
        if not c.get("contains_chance"):
            add(
                "format",
                f"Form alone tells {c['name']} apart (accuracy {number(c['accuracy'])} {interval(c['low'], c['high'])}, "
                f"n = {c['n']}): a difference between them may be format.",
            )
