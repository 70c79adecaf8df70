"""Made-up causal rows: knowledge moves at its span in block 3, reasoning at the last position in block 7; deterministic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from strata.experiments.results.kinds import Localisation
from strata.experiments.run.summary_version_1 import KEYS

SPAN = {"knowledge": "subject", "reasoning": "operand", "composite": "subject", "control": "word"}
CENTRE = {"knowledge": 0.29, "reasoning": 0.62, "composite": 0.5}
COMPONENTS = ("block_out", "attn_out", "mlp_out", "resid_pre")
Row = dict[str, Any]


def prompts_of(row: Row) -> Row:
    """Clean and counterfactual prompt with one span; the span's text differs between them."""
    name = SPAN[row["kind"]]
    clean, foil = f"Question about {row['family']} number ", f"Question about {row['family']} number "
    word, other = str(row["item"]), str(row["item"])[::-1]
    return {
        "prompt": f"{clean}{word}:", "foil_prompt": f"{foil}{other}:",
        "spans": {name: [len(clean), len(clean) + len(word)]}, "foil_spans": {name: [len(foil), len(foil) + len(other)]},
    }  # fmt: skip


def _bump(layer: int, n_layers: int, centre: float, width: float = 1.1) -> float:
    return math.exp(-(((layer + 0.5) - centre * n_layers) ** 2) / (2 * width**2))


def effect(kind: str, measure: str, component: str, position: str, layer: int, n_layers: int) -> float:
    """The planted effect of one cell."""
    if layer == n_layers - 1 and component != "resid_pre" and position not in ("last", "all"):
        return 0.0
    wobble = 0.02 * math.sin(1.7 * layer + len(component) + 3 * len(position))
    at_span = position not in ("last", "all")
    home = kind != "control" and (at_span == (kind != "reasoning") or position == "all")
    centre = CENTRE.get(kind, 0.5)
    if component == "resid_pre":
        rise = 1 / (1 + math.exp(-2 * (layer - centre * n_layers)))
        value = 1.0 if position == "all" else (1 - rise if at_span else (0.0 if layer == 0 else rise))
        return value
    size = {"block_out": 0.75, "attn_out": 0.25, "mlp_out": 0.6}[component] * (1.0 if home else 0.12)
    if position == "all":
        size *= 1.1
    value = size * _bump(layer, n_layers, centre) - (
        0.15 * _bump(layer, n_layers, 0.9) if component == "attn_out" else 0
    )
    if layer == 0 and at_span:
        value += 0.7
    return (0.8 if measure == "noise" else 1.0) * value + wobble


def _groups(rows: Sequence[Row], families: Sequence[Any]) -> list[tuple[str, str | None, list[Row]]]:
    usable = [r for r in rows if not r["reason"]]
    kinds = list(dict.fromkeys(f.kind for f in families))
    out: list[tuple[str, str | None, list[Row]]] = [(k, None, [r for r in usable if r["kind"] == k]) for k in kinds]
    out += [(f.kind, f.name, [r for r in usable if r["family"] == f.name]) for f in families]
    return [g for g in out if g[2]]


def causal_curves(rows: Sequence[Row], families: Sequence[Any], n_layers: int) -> list[Row]:
    """Activation patching, and ablation with damage."""
    out: list[Row] = []

    def add(
        instrument: str,
        measure: str,
        component: str,
        group: Any,
        position: str,
        layer: int,
        mean: float,
        wide: float,
    ) -> None:
        kind, family, members = group
        clusters = len({m["cluster"] for m in members})
        banded = wide > 0 and clusters >= 8
        wide *= 1.5 if family else 1.0
        out.append({
            "instrument": instrument, "measure": measure, "component": component, "kind": kind, "family": family, "target": None,
            "scheme": "used", "position": position, "axis": "block", "layer": layer, "mean": mean,
            "low": mean - wide if banded else None, "high": mean + wide if banded else None, "n_items": len(members), "n_clusters": clusters,
            "method": "ratio of sums by cluster; cluster bootstrap, percentile, 10000 draws, 95%" if banded else "points only",
        })  # fmt: skip

    for group in _groups(rows, families):
        kind = group[0]
        span = SPAN[kind]
        for layer in range(n_layers):
            for position in (span, "spans", "last", "all"):
                for component in COMPONENTS if position != "spans" else ("mlp_out",):
                    for measure in ("effect", "denoise", "noise"):
                        if measure == "noise" and (component == "resid_pre" or position in ("spans", "all")):
                            continue
                        value = effect(kind, measure, component, position, layer, n_layers)
                        add("patching", measure, component, group, position, layer, value, 0.07)
            lost = 0.5 * _bump(layer, n_layers, CENTRE.get(kind, 0.5)) + (0.6 if layer == 0 else 0.05)
            for component, share in (("block_out", 1.3), ("attn_out", 0.5), ("mlp_out", 1.0)):
                for method, strength in (("zero", 1.2), ("mean", 1.0)):
                    add("ablation", method, component, group, "question", layer, share * strength * lost, 0.06)
    neutral = ("neutral text", None, [{"cluster": f"text:{i}"} for i in range(12)])
    for layer in range(n_layers):
        for component, share in (("block_out", 1.5), ("attn_out", 0.5), ("mlp_out", 1.0)):
            for method in ("zero", "mean"):
                add(
                    "damage",
                    method,
                    component,
                    neutral,
                    "question",
                    layer,
                    share * (2.5 if layer == 0 else 0.15 + 0.02 * layer),
                    0.0,
                )
    return out


def causal_profiles(rows: Sequence[Row], families: Sequence[Any], n_layers: int) -> list[Row]:
    """Item by item: denoise and noise, all sites, and what is gained at each block of the four parts."""
    out = []
    for number, row in enumerate(r for r in rows if not r["reason"]):
        for component in COMPONENTS:
            for position in (SPAN[row["kind"]], "last", "all"):
                for measure in ("denoise", "noise", "gained"):
                    if measure == "gained" and (component not in ("attn_out", "mlp_out") or position == "all"):
                        continue
                    for layer in range(n_layers):
                        value = effect(row["kind"], measure, component, position, layer, n_layers)
                        value += 0.1 * math.sin(number + 2.3 * layer) * bool(value)
                        out.append({"item": row["item"], "instrument": "patching", "measure": measure, "component": component,
                                    "position": position, "layer": layer, "value": value})  # fmt: skip
    return out


def add_first_rule(summary: Row, n_layers: int, quick: bool) -> Row:
    """The causal fields of summary.json, version 1, by its names: places by the rule that is withdrawn."""
    for kind, value in summary["kinds"].items():
        value["pairs"] = {"usable": value["used"], KEYS["excluded"]: {"not aligned token by token": 3, "weak pair": 2}}
        layer = int(CENTRE.get(kind, 0.5) * n_layers)
        place = {
            "layer": layer,
            "depth": CENTRE.get(kind, 0.5),
            "interval": [layer - 1, layer + 1],
            "p": 0.0004,
            "n": value["used"],
        }
        value["located"] = {**place, "component": "mlp_out"}
        value["why_not_located"] = None
        value["instruments"]["patching"] = {**place, "peak": 0.58, "method": "50 % of the excess"}
        value["instruments"]["ablation"] = {**place, "p": 0.012, "peak": 0.5, "method": "50 % of the drop"}
    summary["order"] = {
        "difference": 0.33,
        "interval": [0.27, 0.39],
        "p": 0.0002,
        "verdict": "retrieval-first",
        "reason": None,
    }
    summary["attribution"] = [{"component": "mlp_out", "position": "last", "correlation": 0.91, "n": 48}]
    return summary | {"intermediates": {"n": 8}, "quick": quick, "causal": {"pairs_per_family": 16, "windows": [3]}}


def add_localisation(summary: Row, made: Localisation, quick: bool) -> Row:
    """What the interventions say, as the typed results write it, beside how every family was answered."""
    written = made.model_dump(mode="json")
    behaviour = {entry["family"]: entry for entry in summary["families"]}
    summary["families"] = {
        name: {**family, "behaviour": behaviour[name]} for name, family in written["families"].items()
    }
    reasons = {"not aligned token by token": 3, "weak pair": 2}
    summary["kinds"] = {
        kind: {
            **value,
            **written["kinds"][kind],
            "not_intervened_on": reasons,
            "pairs": sum(family["pairs"] for family in written["families"].values() if family["kind"] == kind),
        }
        for kind, value in summary["kinds"].items()
    }
    share = {"value": 0.75, "low": 0.4, "high": 0.93, "n": 8, "clusters": 8}
    bridge = dict.fromkeys(("bridge_readable", "bridge_read_first", "bridge_used_first"), share)
    return summary | {
        "schema": "strata.summary/2", "order": written["order"], "hypothesis": written["hypothesis"], "quick": quick,
        "intermediates": {"n": 8, **bridge, "items": []}, "causal": {"map": "default", "pairs": 18}, "framing": "raw",
        "checkpoint": {"spec": summary["checkpoint"]["spec"], "identity": {}}, "run": "synthetic", "limited": False,
        "warnings": [{"code": "decodable-first", "kind": "reasoning", "streams": 2}],
    }  # fmt: skip
