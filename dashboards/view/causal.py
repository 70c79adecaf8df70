"""What did the interventions do? Every causal line of the curves table, and what the page needs to draw and to name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.intervention_measures import (
    COMPONENTS,
    Highest,
    intervention_aria,
    intervention_name,
)
from strata.dashboards.sentences.item_exclusions import exclusion_words
from strata.dashboards.sentences.page_parts import NO_INTERVENTION_CURVES
from strata.dashboards.view.causal_items import item_maps
from strata.dashboards.view.causal_labels import (
    CAUSAL,
    measure_meta,
    order_measures,
)
from strata.dashboards.view.choice_names import choice, of_family, of_kind
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_causal import CausalGroup, CausalLine, CausalView, PairsOfKind, Peak
from strata.dashboards.view.tables import RunTables
from strata.dashboards.visible_text import without_paths
from strata.experiments.results.locate_tables import CurveRow

POOLED = ("spans", "last", "all")
"""Positions that are no span's name, in the order of the map's columns; spans stand before them."""
_POOLED_AS = {"span": "spans"}
"""How whole kinds call a position whose name differs from family to family."""


@dataclass(frozen=True)
class _Where:
    """Which curve a row is part of."""

    instrument: str
    measure: str
    component: str
    kind: str
    family: str | None
    position: str


def is_causal(row: CurveRow) -> bool:
    """Whether a row of the curves table comes from an intervention."""
    return row.instrument in CAUSAL


def build_causal(run: RunTables, mapped: list[str]) -> CausalView:
    """`mapped` are the items with a lens map: they come first among the item maps."""
    lines = lines_of([r for r in run.curves or [] if is_causal(r)], run.n_layers)
    present = [name for name in CAUSAL if any(line.instrument == name for line in lines)]
    order = span_order(run)
    items, rule = item_maps(run, mapped, order)
    return CausalView(
        state="ok" if lines else "not_run",
        text="" if lines else NO_INTERVENTION_CURVES,
        components=COMPONENTS,
        measures={
            name: tuple(order_measures(name, (line.measure for line in lines if line.instrument == name))) for name in present
        },
        meta={choice(i, m): measure_meta(i, m) for i, m in sorted({(line.instrument, line.measure) for line in lines})},
        groups=tuple(_groups(lines, order, run)),
        limits=_limits(lines),
        items_rule=rule,
        pairs=tuple(_pairs(run)),
        lines=tuple(lines),
        items=tuple(items),
    )  # fmt: skip


def span_order(run: RunTables) -> dict[str, float]:
    """Where each span name stands in a prompt on average, 0 at its start and 1 at its end."""
    places: dict[str, list[float]] = {}
    for asked in run.asked.values():
        length = max(1, len(asked.prompt))
        for name, span in asked.spans.items():
            places.setdefault(name, []).append(span[0] / length)
    return {name: float(np.mean(starts)) for name, starts in places.items()}


def position_key(name: str, order: dict[str, float]) -> tuple[int, float, str]:
    """Sorts positions as they stand in a prompt: spans, pooled spans, last, all."""
    return (1 + POOLED.index(name), 0.0, name) if name in POOLED else (0, order.get(name, 1.0), name)


def lines_of(rows: Sequence[CurveRow], n_layers: int) -> list[CausalLine]:
    """One line an instrument, measure, component, group and position, in the order of the page."""
    groups: dict[_Where, list[CurveRow]] = {}
    for row in rows:
        where = _Where(row.instrument, row.measure, row.component or "", row.kind, row.family, row.position)
        groups.setdefault(where, []).append(row)
    lines = [_line(where, members, n_layers) for where, members in groups.items()]
    lines.sort(key=lambda s: (CAUSAL.index(s.instrument), kind_order(s.kind), s.family or "", s.component, s.position, s.measure))  # fmt: skip
    return lines


def _line(where: _Where, rows: Sequence[CurveRow], n_layers: int) -> CausalLine:
    position = _POOLED_AS.get(where.position, where.position) if where.family is None else where.position
    at = {row.layer: row for row in rows}
    placed = [at.get(block) for block in range(n_layers)]
    line = CausalLine(
        instrument=where.instrument, measure=where.measure, component=where.component, kind=where.kind, family=where.family,
        position=position or "last",
        mean=tuple(None if row is None else significant(row.mean, 4) for row in placed),
        low=tuple(None if row is None else significant(row.low, 4) for row in placed),
        high=tuple(None if row is None else significant(row.high, 4) for row in placed),
        n_items=max(row.n_items or 0 for row in rows), n_clusters=max(row.n_clusters or 0 for row in rows),
        method=next((row.method for row in rows if row.method), ""), aria="",
    )  # fmt: skip
    return line.model_copy(update={"aria": _aria(line)})


def counts_from(instrument: str, position: str) -> int:
    """The first block that counts: block 0 at a replaced token is token identity, and ablating it takes the tokens away."""
    return int(instrument == "ablation" or (instrument == "patching" and position != "last"))


def _peak(line: CausalLine) -> int | None:
    first = counts_from(line.instrument, line.position)
    known = [(v, -i) for i, v in enumerate(line.mean) if v is not None and i >= first]
    return -max(known)[1] if known else None


def _aria(line: CausalLine) -> str:
    """The line as a sentence: where it is highest, and how it ends."""
    name = intervention_name(
        line.instrument, measure_meta(line.instrument, line.measure).label,
        (line.family or line.kind, line.component, line.position), line.n_items,
    )  # fmt: skip
    at = _peak(line)
    highest = None if at is None else Highest(at, line.mean[at], line.low[at], line.high[at])
    return intervention_aria(name, highest, block_0_apart=bool(counts_from(line.instrument, line.position)))


def _groups(lines: Sequence[CausalLine], order: dict[str, float], run: RunTables) -> Iterator[CausalGroup]:
    """Whole kinds, then families, that the intervention map can show, each with its columns and highest cells."""
    by_group: dict[tuple[str, str | None], list[CausalLine]] = {}
    for line in lines:
        if line.instrument == "patching":
            by_group.setdefault((line.kind, line.family), []).append(line)
    replaced = replaced_spans(run)
    for (kind, family), members in sorted(
        by_group.items(), key=lambda e: (e[0][1] is not None, kind_order(e[0][0]), e[0][1] or "")
    ):
        positions = tuple(sorted({s.position for s in members}, key=lambda p: position_key(p, order)))
        peaks: dict[str, dict[str, Peak]] = {}
        for line in members:
            at = _peak(line)
            value = None if at is None else line.mean[at]
            if at is None or value is None:
                continue
            best = peaks.setdefault(line.measure, {}).get(line.component)
            if best is None or best.value < value:
                peaks[line.measure][line.component] = Peak(
                    position=line.position, layer=at, value=value, low=line.low[at], high=line.high[at]
                )
        families = [family] if family else families_of(run, kind)
        swapped = set().union(*(replaced.get(name, set()) for name in families))
        yield CausalGroup(
            id=of_family(family) if family else of_kind(kind), kind=kind, family=family,
            n_items=max(s.n_items for s in members), n_clusters=max(s.n_clusters for s in members), positions=positions,
            identity=tuple(p for p in positions if p in ("spans", "all") or p in swapped), peaks=peaks,
        )  # fmt: skip


def families_of(run: RunTables, kind: str) -> set[str]:
    """The families asked of one kind."""
    return {row.family for row in run.behaviour if row.kind == kind}


def replaced_spans(run: RunTables) -> dict[str, set[str]]:
    """Per family the spans whose text differs between an item's two prompts: there block 0 is token identity."""
    family_of = {row.item: row.family for row in run.behaviour}
    out: dict[str, set[str]] = {}
    for item, asked in run.asked.items():
        for name, (start, end) in asked.spans.items():
            a, b = asked.foil_spans.get(name, (start, end))
            if asked.prompt[start:end] != asked.foil_prompt[a:b]:
                out.setdefault(family_of.get(item, ""), set()).add(name)
    return out


def _limits(lines: Sequence[CausalLine]) -> tuple[float, float]:
    """One symmetric colour range for every patching map, so that sites, measures and groups can be compared."""
    values = [abs(v) for s in lines if s.instrument == "patching" for v in s.mean if v is not None]
    limit = max(1.0, significant(float(np.quantile(values, 0.99)), 2) or 1.0) if values else 1.0
    return (-limit, limit)


def _pairs(run: RunTables) -> Iterator[PairsOfKind]:
    """Per kind how many pairs carried an intervention, and what became of the others."""
    for kind, value in sorted(run.summary.kinds.items(), key=lambda e: (kind_order(e[0]), e[0])):
        left = sorted(value.not_intervened_on.items(), key=lambda e: (-e[1], e[0]))
        if value.pairs or left:
            excluded = tuple((str(without_paths(exclusion_words(reason))), n) for reason, n in left)
            yield PairsOfKind(kind=kind, usable=value.pairs or 0, excluded=excluded)
