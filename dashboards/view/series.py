"""Which curves can the page draw? Rows of the curves table gathered into one series a line, numbers untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from strata.dashboards.view.labels import MEASURES, instrument_label, kind_order, measure_label
from strata.dashboards.view.tables import Rows
from strata.dashboards.text import interval, number, significant

Json = dict[str, Any]
_KEY = ("instrument", "measure", "kind", "family", "target", "scheme", "position", "axis")


def build_series(curves: Rows | None) -> list[Json]:
    """One entry a line: whole kinds for every choice, single families for the default choice only (for size).

    Interventions are not among them: they have a component too and stand in `causal`.
    """
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in curves or []:
        groups.setdefault(tuple(row.get(k) for k in _KEY), []).append(row)
    default = default_choice(curves or [])
    series = []
    for key, rows in groups.items():
        where = dict(zip(_KEY, key, strict=True))
        if where["family"] is not None and not is_default(where, default):
            continue
        series.append(_one(where, sorted(rows, key=lambda r: int(r["layer"]))))
    series.sort(key=lambda s: (s["instrument"], s["measure"], kind_order(s["kind"]), s["family"] or "", s["id"]))
    return series


def default_choice(curves: Iterable[Json]) -> Json:
    """Target, scheme and position shown first: answer, cluster-disjoint folds, last; else the commonest."""
    seen = {name: Counter(r.get(name) for r in curves if r.get(name)) for name in ("target", "scheme", "position")}
    wanted = {"target": "answer", "scheme": "cluster", "position": "last"}
    chosen: Json = {}
    for name, counts in seen.items():
        first = sorted(counts, key=lambda v: (-counts[v], v))
        chosen[name] = wanted[name] if wanted[name] in counts else (first[0] if first else None)
    return chosen


def is_default(where: Json, default: Json) -> bool:
    """Whether a line belongs to the choice shown first; a lens has neither target nor scheme."""
    return all(where.get(name) in (None, default[name]) for name in ("target", "scheme", "position"))


def _one(where: Json, rows: Rows) -> Json:
    entry: Json = {
        **where,
        "id": "|".join("" if v is None else str(v) for v in where.values()),
        "position": where["position"] or "last",
        "axis": where["axis"] or "stream",
        "layer": [int(r["layer"]) for r in rows],
        "mean": [significant(r["mean"]) for r in rows],
        "low": [significant(r.get("low")) for r in rows],
        "high": [significant(r.get("high")) for r in rows],
        "n_items": max(int(r["n_items"] or 0) for r in rows),
        "n_clusters": max(int(r["n_clusters"] or 0) for r in rows),
        "method": next((str(r["method"]) for r in rows if r.get("method")), ""),
    }
    entry["aria"] = _aria(entry)
    return entry


def _aria(s: Json) -> str:
    """The line as a sentence: first, middle and last stream with their intervals."""
    picks = sorted({0, len(s["layer"]) // 2, len(s["layer"]) - 1})
    parts = []
    for i in picks:
        band = interval(s["low"][i], s["high"][i])
        parts.append(f"{number(s['mean'][i])}{' ' + band if band else ''} at {s['axis']} {s['layer'][i]}")
    name = measure_label(s["measure"]) if s["measure"] in MEASURES else f"baseline {measure_label(s['measure'])}"
    return (
        f"{instrument_label(s['instrument'])}, {name}, {s['family'] or s['kind']} ({s['n_items']} items): "
        + ", ".join(parts)
    )
