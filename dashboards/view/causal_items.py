"""Which single items show their own block × position map, and how do their two prompts line up?"""

from __future__ import annotations

from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.tables import Json, RunTables, patching_items, patching_rows
from strata.dashboards.text import significant

MAX_ITEMS = 24
_POOLED = ("spans", "last", "all")


def item_maps(run: RunTables, mapped: list[str], order: dict[str, float]) -> tuple[list[Json], str]:
    """The maps of at most 24 items, and the rule by which they were chosen."""
    known = {r["item"]: r for r in run.behaviour}
    present = [i for i in patching_items(run) if i in known]
    if not present:
        return [], ""
    chosen = [i for i in dict.fromkeys(mapped) if i in set(present)][:MAX_ITEMS]
    chosen += _evenly([i for i in present if i not in set(chosen)], known, MAX_ITEMS - len(chosen))
    rows: dict[str, list[Json]] = {}
    for row in patching_rows(run, chosen):
        rows.setdefault(row["item"], []).append(row)
    rule = f"{len(chosen)} of {len(present)} items: those with a lens map, then one family after the other"
    return [_one(i, known[i], rows.get(i, []), run, order) for i in chosen], rule


def _evenly(items: list[str], known: dict[str, Json], n: int) -> list[str]:
    """The first item of every family, then the second of every family, and so on."""
    families: dict[tuple[int, str], list[str]] = {}
    for item in items:
        families.setdefault((kind_order(known[item]["kind"]), known[item]["family"]), []).append(item)
    ordered = [sorted(members) for _, members in sorted(families.items())]
    turns = max((len(members) for members in ordered), default=0)
    return [members[turn] for turn in range(turns) for members in ordered if turn < len(members)][: max(0, n)]


def _one(item: str, known: Json, rows: list[Json], run: RunTables, order: dict[str, float]) -> Json:
    asked = run.asked.get(item) or {}
    starts = {str(name): float(span[0]) for name, span in (asked.get("spans") or {}).items()}

    def place(name: str) -> tuple[int, float, str]:
        return (
            (1 + _POOLED.index(name), 0.0, name)
            if name in _POOLED
            else (0, starts.get(name, order.get(name, 1.0)), name)
        )

    positions = sorted({r["position"] for r in rows if r.get("position")}, key=place)
    values: Json = {}
    for row in rows:
        layer = row.get("layer")
        if layer is None or not 0 <= int(layer) < run.n_layers or not row.get("position"):
            continue
        grid = values.setdefault(row["measure"], {}).setdefault(row["component"] or "block_out", {})
        grid.setdefault(row["position"], [None] * run.n_layers)[int(layer)] = significant(row.get("value"), 3)
    peaks: Json = {}
    for measure, grids in values.items():
        for component, lines in grids.items():
            cells = [
                (v, -i, name)
                for name, line in lines.items()
                for i, v in enumerate(line)
                if v is not None and i >= int(name != "last")
            ]
            if cells:
                value, at, name = max(cells)
                peaks.setdefault(measure, {})[component] = {
                    "position": name, "layer": -at, "value": value, "low": None, "high": None,
                }  # fmt: skip
    parts = segments(asked)
    swapped = {p["name"] for p in parts if p["name"] and p["clean"] != p["foil"]}
    return {
        "item": item, "family": known["family"], "kind": known["kind"], "positions": positions, "values": values,
        "identity": [p for p in positions if p in ("spans", "all") or p in swapped], "segments": parts, "peaks": peaks,
        "answer": known.get("answer_token") or "", "foil": known.get("foil_token") or "",
        "logit_difference": significant(known.get("logit_difference"), 4),
    }  # fmt: skip


def segments(asked: Json) -> list[Json]:
    """The clean and the counterfactual prompt cut at the same spans: name (None between spans), clean text, foil text."""
    clean, foil = str(asked.get("prompt") or ""), str(asked.get("foil_prompt") or "")
    spans, other = asked.get("spans") or {}, asked.get("foil_spans") or asked.get("spans") or {}
    ordered = sorted(((int(a), int(b), str(name)) for name, (a, b) in spans.items() if name in other))
    out: list[Json] = []
    at = at_foil = 0
    for start, end, name in ordered:
        foil_start, foil_end = (int(v) for v in other[name])
        if start < at or foil_start < at_foil:
            continue  # spans that lie in each other: the first one names the stretch
        if start > at or foil_start > at_foil:
            out.append({"name": None, "clean": clean[at:start], "foil": foil[at_foil:foil_start]})
        out.append({"name": name, "clean": clean[start:end], "foil": foil[foil_start:foil_end]})
        at, at_foil = end, foil_end
    if at < len(clean) or at_foil < len(foil):
        out.append({"name": None, "clean": clean[at:], "foil": foil[at_foil:]})
    return out
