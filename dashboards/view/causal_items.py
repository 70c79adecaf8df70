"""Which single items show their own block × position map, and how do their two prompts line up?"""

from __future__ import annotations

from collections.abc import Sequence

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.page_parts import item_maps_rule
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_causal import CausalItem, Peak, Segment
from strata.dashboards.view.tables import Asked, RunTables, patching_items, patching_rows
from strata.experiments.results.locate_tables import BehaviourRow, ProfileRow

MAX_ITEMS = 24
_POOLED = ("spans", "last", "all")


def item_maps(run: RunTables, mapped: list[str], order: dict[str, float]) -> tuple[list[CausalItem], str]:
    """The maps of at most 24 items, and the rule by which they were chosen."""
    known = {row.item: row for row in run.behaviour}
    present = [i for i in patching_items(run) if i in known]
    if not present:
        return [], ""
    chosen = [i for i in dict.fromkeys(mapped) if i in set(present)][:MAX_ITEMS]
    chosen += _evenly([i for i in present if i not in set(chosen)], known, MAX_ITEMS - len(chosen))
    rows: dict[str, list[ProfileRow]] = {}
    for row in patching_rows(run, chosen):
        rows.setdefault(row.item, []).append(row)
    rule = item_maps_rule(len(chosen), len(present))
    return [_one(known[i], rows.get(i, []), run, order) for i in chosen], rule


def _evenly(items: list[str], known: dict[str, BehaviourRow], n: int) -> list[str]:
    """The first item of every family, then the second of every family, and so on."""
    families: dict[tuple[int, str], list[str]] = {}
    for item in items:
        families.setdefault((kind_order(known[item].kind), known[item].family), []).append(item)
    ordered = [sorted(members) for _, members in sorted(families.items())]
    turns = max((len(members) for members in ordered), default=0)
    return [members[turn] for turn in range(turns) for members in ordered if turn < len(members)][: max(0, n)]


def _one(known: BehaviourRow, rows: Sequence[ProfileRow], run: RunTables, order: dict[str, float]) -> CausalItem:
    asked = run.asked.get(known.item, Asked())
    starts = {name: float(span[0]) for name, span in asked.spans.items()}

    def place(name: str) -> tuple[int, float, str]:
        return (
            (1 + _POOLED.index(name), 0.0, name)
            if name in _POOLED
            else (0, starts.get(name, order.get(name, 1.0)), name)
        )

    positions = tuple(sorted({row.position for row in rows if row.position}, key=place))
    values: dict[str, dict[str, dict[str, list[float | None]]]] = {}
    for row in rows:
        if not 0 <= row.layer < run.n_layers or not row.position:
            continue
        grid = values.setdefault(row.measure, {}).setdefault(row.component or "block_out", {})
        grid.setdefault(row.position, [None] * run.n_layers)[row.layer] = significant(row.value, 3)
    peaks: dict[str, dict[str, Peak]] = {}
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
                peak = Peak(position=name, layer=-at, value=value, low=None, high=None)
                peaks.setdefault(measure, {})[component] = peak
    parts = segments(asked)
    swapped = {part.name for part in parts if part.name and part.clean != part.foil}
    return CausalItem(
        item=known.item, family=known.family, kind=known.kind, positions=positions,
        values={
            measure: {component: {name: tuple(line) for name, line in lines.items()} for component, lines in grids.items()}
            for measure, grids in values.items()
        },
        identity=tuple(p for p in positions if p in ("spans", "all") or p in swapped), segments=parts, peaks=peaks,
        answer=known.answer_token or "", foil=known.foil_token or "",
        logit_difference=significant(known.logit_difference, 4),
    )  # fmt: skip


def segments(asked: Asked) -> tuple[Segment, ...]:
    """The clean and the counterfactual prompt cut at the same spans: name (None between spans), clean text, foil text."""
    clean, foil = asked.prompt, asked.foil_prompt
    other = asked.foil_spans or asked.spans
    ordered = sorted((start, end, name) for name, (start, end) in asked.spans.items() if name in other)
    out: list[Segment] = []
    at = at_foil = 0
    for start, end, name in ordered:
        foil_start, foil_end = other[name]
        if start < at or foil_start < at_foil:
            continue  # spans that lie in each other: the first one names the stretch
        if start > at or foil_start > at_foil:
            out.append(Segment(name=None, clean=clean[at:start], foil=foil[at_foil:foil_start]))
        out.append(Segment(name=name, clean=clean[start:end], foil=foil[foil_start:foil_end]))
        at, at_foil = end, foil_end
    if at < len(clean) or at_foil < len(foil):
        out.append(Segment(name=None, clean=clean[at:], foil=foil[at_foil:]))
    return tuple(out)
