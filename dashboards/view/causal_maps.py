"""At which block does an intervention show in each family? The layer × family maps of activation patching and ablation."""

from __future__ import annotations

from itertools import product

from strata.dashboards.view.causal import POOLED
from strata.dashboards.view.causal_labels import COMPONENTS, METHODS, measure_meta
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.maps import Json, describe, symmetric_limit, unanswered_note

_COMPONENT = "mlp_out"


def build_causal_maps(causal: Json, behaviour: list[Json], n_layers: int) -> list[Json]:
    """Activation patching at the spans and at the last position (effect, excess, denoise), and ablation by every method that ran."""
    of_families = [s for s in causal["lines"] if s["family"] is not None]
    lines = [s for s in of_families if s["component"] == _COMPONENT]
    out = []
    measures = (
        ("gained", "effect gained at a block (1: the whole answer)"),
        ("effect", "effect of single blocks (1: all the way)"),
        ("excess", "denoise effect minus its controls"),
        ("denoise", "denoise effect (1: fully restored)"),
    )
    for (measure, what), component in product(measures, ("mlp_out", "attn_out")):
        of_measure = [
            s for s in of_families
            if (s["instrument"], s["measure"], s["component"]) == ("patching", measure, component) and (measure in ("gained", "effect") or component == _COMPONENT)
        ]  # fmt: skip
        for where, text in (("spans", "at its spans"), ("last", "at the last position")):
            chosen = [
                s for s in of_measure if (s["position"] == "last") == (where == "last") and s["position"] != "all"
            ]
            title = f"Activation patching of the {COMPONENTS[component]} {text}: {measure_meta('patching', measure)['label'].lower()}"
            name = (
                f"patching.{measure}.{component}.{where}" if component != _COMPONENT else f"patching.{measure}.{where}"
            )
            out.append(_map(name, "patching", measure, title, what, ("away from the answer", "towards the answer"), chosen, behaviour, n_layers, component))  # fmt: skip
    for method in ("mean", "resample", "skip"):
        ablations = [s for s in lines if s["instrument"] == "ablation"]
        ablated = next((m for m in (f"specific.{method}", method) if any(s["measure"] == m for s in ablations)), None)
        if ablated is None:
            continue
        what = "share of the answer's advantage lost" + (" minus the matched control's" if ablated != method else "")
        title = f"Ablation of the {COMPONENTS[_COMPONENT]} by {METHODS[method]}"
        chosen = [s for s in ablations if s["measure"] == ablated]
        out.append(_map(f"ablation.{ablated}", "ablation", ablated, title, what, ("answer gains", "answer loses"), chosen, behaviour, n_layers))  # fmt: skip
    return [m for m in out if m is not None]


def _map(
    name: str, instrument: str, measure: str, title: str, unit: str, ends: tuple[str, str], lines: list[Json],
    behaviour: list[Json], n_layers: int, component: str = _COMPONENT,
) -> Json | None:  # fmt: skip
    if not lines:
        return None
    rows = []
    for fam in sorted(behaviour, key=lambda b: (kind_order(b["kind"]), b["family"])):
        of_family = [s for s in lines if (s["kind"], s["family"]) == (fam["kind"], fam["family"])]
        pooled = [s for s in of_family if s["position"] in POOLED]
        shown = pooled or sorted(of_family, key=lambda s: s["position"])
        rows += [_row(fam, line, len(shown) > 1, n_layers) for line in shown] or [_row(fam, None, False, n_layers)]
    apart = not name.endswith(".last")  # block 0 there is token identity, or its loss: no part of the range
    limit, clipped = symmetric_limit([v for r in rows for v in r["value"][1 if apart else 0 :]], 1.0)
    layers = list(range(n_layers))
    return {
        "id": name, "instrument": instrument, "measure": measure, "title": title, "unit": unit,
        "caption": f"A cell is the mean over a family's pairs {_edited(measure, COMPONENTS[component])}; "
        "dimmed where its 95 % interval covers 0 or no interval could be computed (fewer than 8 clusters)."
        + (" ✖: block 0 at a replaced token is token identity, not counted." if apart else ""),
        "apart": [0] if apart else [],
        "axis": "block", "layers": layers, "centre": 0.0, "limits": [-limit, limit], "ends": list(ends), "clipped": clipped,
        "rows": rows, "aria": describe(title, "block", rows, layers, "above 0"),
    }  # fmt: skip


def _edited(measure: str, component: str) -> str:
    if measure == "gained":
        return f"of what is gained when the {component} of that block joins a window of edited blocks, grown from below and from above"
    return f"when the {component} of that block alone is edited"


def _row(fam: Json, line: Json | None, named: bool, n_layers: int) -> Json:
    n = line["n_items"] if line else 0
    note = unanswered_note(fam) if not fam["answered"] else ""
    label = f"{fam['family']} · {line['position']}" if line and named else fam["family"]
    values: list[float | None] = line["mean"] if line else [None] * n_layers
    low = line["low"] if line else [None] * n_layers
    high = line["high"] if line else [None] * n_layers
    dim = [
        int(v is not None and (a is None or b is None or a <= 0 <= b))
        for v, a, b in zip(values, low, high, strict=True)
    ]
    return {
        "family": fam["family"], "kind": fam["kind"], "n": n, "name": label, "label": f"{label} · n {n}",
        "note": note if line or note else "no usable pair", "value": values, "low": low, "high": high,
        "base": [None if v is None else 0.0 for v in values], "dim": dim,
    }  # fmt: skip
