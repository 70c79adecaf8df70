"""What did the interventions do? Every causal line of the curves table, and what the page needs to draw and to name it."""

from __future__ import annotations

from typing import Any

import numpy as np

from strata.dashboards.text import interval, number, significant, without_paths
from strata.dashboards.view.causal_items import item_maps
from strata.dashboards.view.causal_labels import (
    CAUSAL,
    COMPONENTS,
    is_control,
    measure_meta,
    order_measures,
    split_window,
)
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.localised import is_first
from strata.dashboards.view.tables import Json, Rows, RunTables

POOLED = ("spans", "last", "all")
"""Positions that are no span's name, in the order of the map's columns; spans stand before them."""
_POOLED_AS = {"span": "spans"}
"""How whole kinds call a position whose name differs from family to family."""
_KEY = ("instrument", "measure", "component", "kind", "family", "position")
NOT_RUN = (
    "No intervention ran in this run: where the answer can be read is known, where it is worked out is not. "
    "Start `strata locate` again with another --out."
)


def is_causal(row: Json) -> bool:
    """Whether a row of the curves table comes from an intervention."""
    return row.get("instrument") in CAUSAL


def build_causal(run: RunTables, mapped: list[str]) -> Json:
    """`mapped` are the items with a lens map: they come first among the item maps."""
    lines = lines_of([r for r in run.curves or [] if is_causal(r)], run.n_layers)
    present = [name for name in CAUSAL if any(line["instrument"] == name for line in lines)]
    order = span_order(run)
    items, rule = item_maps(run, mapped, order)
    return {
        "state": "ok" if lines else "not_run",
        "text": "" if lines else NOT_RUN,
        "components": COMPONENTS,
        "measures": {
            name: order_measures(name, (line["measure"] for line in lines if line["instrument"] == name)) for name in present
        },
        "meta": {
            f"{i}|{m}": measure_meta(i, m) for i, m in sorted({(line["instrument"], line["measure"]) for line in lines})
        },
        "groups": _groups(lines, order, run),
        "limits": _limits(lines),
        "items_rule": rule,
        "attribution": _attribution(run),
        "pairs": _pairs(run),
        "lines": lines,
        "items": items,
    }  # fmt: skip


def span_order(run: RunTables) -> dict[str, float]:
    """Where each span name stands in a prompt on average, 0 at its start and 1 at its end."""
    places: dict[str, list[float]] = {}
    for asked in run.asked.values():
        length = max(1, len(str(asked.get("prompt") or "")))
        for name, span in (asked.get("spans") or {}).items():
            places.setdefault(str(name), []).append(float(span[0]) / length)
    return {name: float(np.mean(starts)) for name, starts in places.items()}


def position_key(name: str, order: dict[str, float]) -> tuple[int, float, str]:
    """Sorts positions as they stand in a prompt: spans, pooled spans, last, all."""
    return (1 + POOLED.index(name), 0.0, name) if name in POOLED else (0, order.get(name, 1.0), name)


def lines_of(rows: Rows, n_layers: int) -> list[Json]:
    """One line an instrument, measure, component, group and position, in the order of the page."""
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(k) for k in _KEY), []).append(row)
    lines = [_line(dict(zip(_KEY, key, strict=True)), members, n_layers) for key, members in groups.items()]
    lines.sort(key=lambda s: (CAUSAL.index(s["instrument"]), kind_order(s["kind"]), s["family"] or "",
                              s["component"] or "", s["position"], s["measure"]))  # fmt: skip
    return lines


def _line(where: Json, rows: Rows, n_layers: int) -> Json:
    position = _POOLED_AS.get(where["position"], where["position"]) if where["family"] is None else where["position"]
    line: Json = {**where, "position": position or "last"}
    for name in ("mean", "low", "high"):
        values: list[float | None] = [None] * n_layers
        for row in rows:
            if 0 <= int(row["layer"]) < n_layers:
                values[int(row["layer"])] = significant(row.get(name), 4)
        line[name] = values
    line["n_items"] = max(int(r.get("n_items") or 0) for r in rows)
    line["n_clusters"] = max(int(r.get("n_clusters") or 0) for r in rows)
    line["method"] = next((str(r["method"]) for r in rows if r.get("method")), "")
    line["aria"] = _aria(line)
    return line


def counts_from(instrument: str, position: str) -> int:
    """The first block that counts: block 0 at a replaced token is token identity, and ablating it takes the tokens away."""
    return int(instrument == "ablation" or (instrument == "patching" and position != "last"))


def _peak(line: Json) -> int | None:
    first = counts_from(line["instrument"], line["position"])
    known = [(v, -i) for i, v in enumerate(line["mean"]) if v is not None and i >= first]
    return -max(known)[1] if known else None


def _aria(line: Json) -> str:
    """The line as a sentence: where it is highest, and how it ends."""
    where = f"{line['family'] or line['kind']}, {line['component'] or 'edge'} at {line['position']}"
    subject = f"{line['instrument']} {measure_meta(line['instrument'], line['measure'])['label']}, {where} ({line['n_items']} items)"
    peak = _peak(line)
    if peak is None:
        return f"{subject}: no value"
    band = interval(line["low"][peak], line["high"][peak])
    apart = "block 0 apart, " if counts_from(line["instrument"], line["position"]) else ""
    return f"{subject}: {apart}highest at block {peak} with {number(line['mean'][peak])}{' ' + band if band else ''}"


def _groups(lines: list[Json], order: dict[str, float], run: RunTables) -> list[Json]:
    """Whole kinds, then families, that the intervention map can show, each with its columns and highest cells."""
    by_group: dict[tuple[str, str | None], list[Json]] = {}
    for line in lines:
        if line["instrument"] == "patching":
            by_group.setdefault((line["kind"], line["family"]), []).append(line)
    replaced = replaced_spans(run)
    out = []
    for (kind, family), members in sorted(
        by_group.items(), key=lambda e: (e[0][1] is not None, kind_order(e[0][0]), e[0][1] or "")
    ):
        positions = sorted({s["position"] for s in members}, key=lambda p: position_key(p, order))
        peaks: Json = {}
        for line in members:
            at = _peak(line)
            if at is None or (
                (best := peaks.setdefault(line["measure"], {}).get(line["component"]))
                and best["value"] >= line["mean"][at]
            ):
                continue
            peaks[line["measure"]][line["component"]] = {
                "position": line["position"], "layer": at, "value": line["mean"][at], "low": line["low"][at], "high": line["high"][at],
            }  # fmt: skip
        swapped = (
            replaced.get(family or "")
            if family
            else set().union(*(replaced.get(f, set()) for f in families_of(run, kind)))
        )
        out.append({
            "id": f"family:{family}" if family else f"kind:{kind}", "kind": kind, "family": family,
            "n_items": max(s["n_items"] for s in members), "n_clusters": max(s["n_clusters"] for s in members),
            "positions": positions, "identity": [p for p in positions if p in ("spans", "all") or p in (swapped or set())],
            "peaks": peaks,
        })  # fmt: skip
    return out


def families_of(run: RunTables, kind: str) -> set[str]:
    """The families asked of one kind."""
    return {r["family"] for r in run.behaviour if r["kind"] == kind}


def replaced_spans(run: RunTables) -> dict[str, set[str]]:
    """Per family the spans whose text differs between an item's two prompts: there block 0 is token identity."""
    family_of = {r["item"]: r["family"] for r in run.behaviour}
    out: dict[str, set[str]] = {}
    for item, asked in run.asked.items():
        clean, foil = str(asked.get("prompt") or ""), str(asked.get("foil_prompt") or "")
        other = asked.get("foil_spans") or {}
        for name, (start, end) in (asked.get("spans") or {}).items():
            a, b = other.get(name, (start, end))
            if clean[start:end] != foil[a:b]:
                out.setdefault(family_of.get(item, ""), set()).add(str(name))
    return out


def _limits(lines: list[Json]) -> list[float]:
    """One symmetric colour range for every patching map, so that sites, measures and groups can be compared."""
    values = [abs(v) for s in lines if s["instrument"] == "patching" for v in s["mean"] if v is not None]
    limit = max(1.0, significant(float(np.quantile(values, 0.99)), 2) or 1.0) if values else 1.0
    return [-limit, limit]


def _attribution(run: RunTables) -> list[Json]:
    """Rank correlation over blocks of an attribution with the effect, as far as the run's schema says it of whole runs."""
    return [
        {"component": str(a.get("component")), "position": str(a.get("position")), "n": a.get("n"),
         "correlation": significant(a.get("correlation"), 3)}
        for a in run.summary.get("attribution") or [] if isinstance(a, dict)
    ]  # fmt: skip


def _pairs(run: RunTables) -> list[Json]:
    """Per kind how many pairs carried an intervention, and what became of the others."""
    out = []
    families = run.summary.get("families") or {}
    for kind, value in sorted((run.summary.get("kinds") or {}).items(), key=lambda e: (kind_order(e[0]), e[0])):
        if is_first(run.summary):
            pairs = value.get("pairs") or {}
            usable = int(pairs.get("usable") or 0)
            excluded = pairs.get("excluded") or {}
        else:
            usable = sum(int(family["pairs"]) for family in families.values() if family["kind"] == kind)
            excluded = value.get("not_intervened_on") or {}
        left = sorted(excluded.items(), key=lambda e: (-int(e[1]), e[0]))
        if usable or left:
            out.append({"kind": kind, "usable": usable,
                        "excluded": [[str(without_paths(str(reason))), int(n)] for reason, n in left]})  # fmt: skip
    return out


def shown_measures(causal: Json, instrument: str) -> list[str]:
    """What the page's list of measures offers for an instrument: no control stands there by itself."""
    return [m for m in causal["measures"].get(instrument, []) if not (instrument == "patching" and is_control(m))]


def has_window(measure: str) -> bool:
    """Whether a measure edits several blocks at once."""
    return split_window(measure)[1] > 1
