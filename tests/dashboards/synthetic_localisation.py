"""Made-up typed results: knowledge made by attention at the last token after the MLPs at the subject, reasoning above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from strata.experiments.results.families import (
    CellResult,
    Codes,
    Coding,
    FamilyResult,
    Handover,
    HeadResult,
    HeadSet,
    Locus,
    Place,
    Role,
)
from strata.experiments.results.kinds import (
    CellOfKind,
    Hypothesis,
    KindLocalisation,
    Localisation,
    Located,
    Order,
)
from strata.experiments.results.locate_tables import HeadRow
from strata.experiments.results.reasons import WhyNotLocated, WhyNotOrdered, WhyNotPlaced
from strata.experiments.results.record import Measured
from strata.probes.interventions.cells import CELLS, Cell

WHERE: dict[str, dict[Cell, tuple[float, float, float]]] = {
    "knowledge": {"enrich": (0.2, 0.12, 0.58), "gather": (0.3, 0.1, 0.12), "move": (0.5, 0.05, 1.0), "work_out": (0.8, 0.07, 0.54)},
    "reasoning": {"enrich": (0.2, 0.12, 0.21), "gather": (0.45, 0.08, 0.6), "move": (0.6, 0.06, 1.0), "work_out": (0.75, 0.06, 0.7)},
    "control": {"enrich": (0.1, 0.1, 0.15), "gather": (0.3, 0.1, 0.1), "move": (0.52, 0.06, 1.0), "work_out": (0.85, 0.06, 0.3)},
}  # fmt: skip
"""Kind: cell: middle and width in depth, whole effect."""
MADE_IN: dict[str, Cell] = {"knowledge": "move", "reasoning": "work_out", "control": "move"}
SPAN = {"knowledge": "subject", "reasoning": "operand", "composite": "subject", "control": "subject"}


def measured(value: float, wide: float = 0.07) -> Measured:
    return Measured(value=value, interval=(value - wide, value + wide))


def profile(cell: Cell, kind: str, n_layers: int, shift: float = 0.0) -> tuple[float | None, ...]:
    """Gains by block that add up to the whole effect; block 0 of a span has token identity on top."""
    middle, width, effect = WHERE.get(kind, WHERE["knowledge"])[cell]
    weights = [math.exp(-(((b + 0.5) / n_layers - middle - shift) ** 2) / (2 * width**2)) for b in range(n_layers)]
    gains = [effect * weight / sum(weights) for weight in weights]
    if cell == "work_out":
        gains[-1] -= 0.06  # a suppressor at the end
    if cell == "enrich":
        gains[0] += 0.5
    return tuple(gains)


def block(depth: float, n_layers: int) -> int:
    return max(0, min(n_layers - 1, math.floor(depth * n_layers)))


def cell_result(cell: Cell, kind: str, n_layers: int, shift: float = 0.0) -> CellResult:
    effect = WHERE.get(kind, WHERE["knowledge"])[cell][2]
    if kind == "reasoning" and cell == "enrich":
        return CellResult(
            effect=measured(effect), counts=False, why_not="weak-effect", profile=profile(cell, kind, n_layers, shift)
        )
    counts = effect >= 0.3
    return CellResult(
        effect=measured(effect), denoise=measured(effect), noise=measured(effect), counts=counts, install_p=0.002 if counts else None,
        why_not=None if counts else "weak-effect", reading="additive" if counts else None, profile=profile(cell, kind, n_layers, shift),
    )  # fmt: skip


def locus(cell: Cell, first: int, last: int, role: Role, slope: float | None = 0.2) -> Locus:
    verdict: Coding = "untestable" if slope is None else ("codes" if slope >= 0.1 else "no")
    return Locus(
        cell=cell, first=first, last=last, effect=0.5, carrying=tuple(range(first, last + 1)), role=role,
        codes=Codes(slope=slope, p=None if slope is None else 0.004, couples=0 if slope is None else 40, verdict=verdict),
    )  # fmt: skip


HEADS_A_BLOCK = 4


def made_up_head_rows(found: Localisation) -> list[HeadRow]:
    """All heads of the block of the reported ones: those as reported, the others at 0; and one of a block above, against the answer."""
    rows = []
    for name, family in found.families.items():
        for layer in sorted({head.layer for head in family.heads}):
            known = {head.head: head for head in family.heads if head.layer == layer}
            for head in range(HEADS_A_BLOCK):
                effect = known[head].effect if head in known else measured(0.0)
                attention = known[head].attention if head in known else 0.05
                rows.append(_head_row(name, family, (layer, head), effect, attention))
            rows.append(_head_row(name, family, (layer + 1, 1), measured(-0.3), 0.05))
    return rows


def _head_row(
    name: str, family: FamilyResult, at: tuple[int, int], effect: Measured, attention: float | None
) -> HeadRow:
    low, high = effect.interval or (None, None)
    return HeadRow(
        kind=family.kind, family=name, cell="move", block=at[0], head=at[1], effect=effect.value, low=low, high=high, p=0.02,
        attention=attention, n_pairs=family.pairs, n_clusters=family.entities,
    )  # fmt: skip


def made_up_heads(layer: int) -> tuple[HeadResult, ...]:
    """Two heads of the block in which the answer is made; the later one carries it."""
    codes = Codes(slope=0.3, p=0.002, couples=40, verdict="codes")
    return (
        HeadResult(cell="move", layer=layer, head=0, effect=measured(0.2), p=0.04, attention=0.1),
        HeadResult(
            cell="move", layer=layer, head=2, effect=measured(0.6), p=0.002, install=0.5, codes=codes, attention=0.4
        ),
    )


def placed_family(kind: str, n_layers: int, shift: float = 0.0, contrast: str | None = None) -> FamilyResult:
    """A family with a locus that prepares, one that makes and one that relays."""
    depths = WHERE.get(kind, WHERE["knowledge"])
    made_in = MADE_IN.get(kind, "move")
    middle = block(depths[made_in][0] + shift, n_layers)
    last = min(n_layers - 1, middle + 1)
    first = min(last, max(1, middle - 1))
    loci = [locus(made_in, first, last, "makes", 0.31)]
    if kind == "knowledge":
        loci.insert(0, locus("enrich", min(1, n_layers - 1), block(0.35, n_layers), "prepares", 0.02))
        loci.append(locus("work_out", block(0.78, n_layers), max(block(0.78, n_layers), n_layers - 2), "relays", 0.38))
    if kind == "reasoning":
        loci.insert(0, locus("move", block(0.55, n_layers), block(0.62, n_layers), "in-part", 0.07))
    place = Place(
        cell=made_in, first=first, last=last, interval=(max(0, first - 1), min(n_layers - 1, last + 1)), extent="blocks",
        depth=(middle + 0.5) / n_layers, support=0.97, reading="additive",
    )  # fmt: skip
    return FamilyResult(
        kind=kind, pairs=24, entities=18, answers=6, offered=60, answered_both=0.8, contrast=contrast, span=SPAN[kind], place=place,
        loci=tuple(loci), cells={cell: cell_result(cell, kind, n_layers, shift) for cell in CELLS},
        handover=Handover(first=block(0.4, n_layers), last=block(0.6, n_layers)), knockout=measured(0.6),
        attribution={"move": 0.8}, heads=made_up_heads(middle), head_sets=(HeadSet(cell="move", heads=((middle, 2), (middle, 0)), effect_of_choice=0.9, effect=measured(0.81)),), looks=2,
    )  # fmt: skip


def unplaced_family(kind: str, why: WhyNotPlaced, n_layers: int, contrast: str | None = None) -> FamilyResult:
    """A family without a place; with cells and open loci where only its role can't be tested."""
    tested = why.code == "role-untestable"
    return FamilyResult(
        kind=kind, pairs=why.pairs or 18, entities=18, answers=18, offered=40, answered_both=0.7, contrast=contrast, span=SPAN[kind],
        why_not_placed=why,
        loci=(locus("enrich", min(1, n_layers - 1), block(0.5, n_layers), "open", None), locus("move", block(0.7, n_layers), block(0.7, n_layers), "open", None)) if tested else (),
        cells={cell: cell_result(cell, kind, n_layers) for cell in CELLS} if tested else {},
    )  # fmt: skip


def located(kind: str, families: Sequence[FamilyResult], n_layers: int, **more: Any) -> Located:
    """Of the median of its placed families."""
    place = sorted((f.place for f in families if f.place is not None), key=lambda p: p.depth)[len(families) // 2]
    return Located(
        layer=(place.first + place.last) // 2, depth=place.depth, interval=place.interval, first=place.first, last=place.last,
        cell=place.cell, extent=place.extent, families=len(families), of=len(families) + 1, **{"general": len(families) > 2, **more},
    )  # fmt: skip


def kind_localisation(
    kind: str, families: dict[str, FamilyResult], n_layers: int, shared: bool | None = True, control: bool = True
) -> KindLocalisation:
    """Located where at least two families are placed."""
    members = [f for f in families.values() if f.kind == kind]
    placed = [f for f in members if f.place is not None]
    cells = {}
    for cell in CELLS:
        effect = measured(WHERE.get(kind, WHERE["knowledge"])[cell][2])
        copied = measured(WHERE["control"][cell][2]) if control else None
        cells[cell] = CellOfKind(
            effect=effect, control=copied,
            excess=measured(effect.value - copied.value, 0.1) if copied is not None else None,
            profile=profile(cell, kind, n_layers), control_profile=profile(cell, "control", n_layers) if control else (),
        )  # fmt: skip
    counted = {"families": len(members), "testable": len(placed) + 1, "placed": len(placed), "cells": cells}
    if len(placed) < 2:
        why = WhyNotLocated(code="too-few-placed", placed=len(placed), families=len(placed) + 1, needed=2)
        return KindLocalisation(**counted, why_not_located=why)
    return KindLocalisation(
        **counted,
        handover=placed[0].handover,
        located=located(
            kind,
            placed,
            n_layers,
            shared_with_control=None if shared is None else "shared" if shared else "less",
            gained=measured(0.62),
            control_gained=None if shared is None else measured(0.54 if shared else 0.05),
            excess=None if shared is None else measured(0.08 if shared else 0.57, 0.1),
        ),
    )


def localisation(n_layers: int = 12, families: dict[str, FamilyResult] | None = None) -> Localisation:
    """Knowledge in the same place as its control, reasoning above its own, the order said of these families."""
    families = made_up_families(n_layers) if families is None else families
    shared = {"knowledge": True, "reasoning": False}
    kinds = {
        kind: kind_localisation(kind, families, n_layers, shared.get(kind), control=kind in shared)
        for kind in ("knowledge", "reasoning", "composite", "control")
        if any(f.kind == kind for f in families.values())
    }
    both = all(kinds[kind].located is not None for kind in ("knowledge", "reasoning") if kind in kinds)
    order = (
        Order(
            verdict="retrieval-first", cells=("move", "work_out"), families=(3, 2), probability=0.98, difference=0.25,
            interval=(0.17, 0.33), p=None, general=False,
        )
        if both
        else Order(verdict="undetermined", why=WhyNotOrdered(code="not-located", kinds=("reasoning",)))
    )  # fmt: skip
    hypothesis = (
        Hypothesis(sentence="a", verdict="refuted", numbers={"knowledge": 0.58, "control": 0.45, "excess_low": -0.02}, general=True),
        Hypothesis(sentence="b", verdict="confirmed", numbers={"probability": 0.98}, general=False),
        Hypothesis(sentence="c", verdict="undetermined"),
    )  # fmt: skip
    return Localisation(n_layers=n_layers, families=families, kinds=kinds, order=order, hypothesis=hypothesis)


def made_up_families(n_layers: int) -> dict[str, FamilyResult]:
    """The families of the made-up run: placed ones, one that isn't answered, one whose role can't be tested, two controls."""
    return {
        "capital": placed_family("knowledge", n_layers),
        "currency": placed_family("knowledge", n_layers, 0.06),
        "chemical_symbol": unplaced_family("knowledge", WhyNotPlaced(code="role-untestable", couples=0, needed=6), n_layers),
        "drug_class": unplaced_family("knowledge", WhyNotPlaced(code="not-answered"), n_layers),
        "addition": placed_family("reasoning", n_layers),
        "comparison": placed_family("reasoning", n_layers, 0.05),
        "ordering": unplaced_family("reasoning", WhyNotPlaced(code="not-answered"), n_layers),
        "bridge_capital": unplaced_family("composite", WhyNotPlaced(code="too-few-pairs", pairs=7, needed=12), n_layers),
        "capital_stated": placed_family("control", n_layers, 0.0, "K-C"),
        "copy": placed_family("control", n_layers, 0.04, "K-C"),
        "addition_stated": placed_family("control", n_layers, -0.05, "R-R0"),
    }  # fmt: skip


def without_interventions(made: Localisation) -> Localisation:
    """The same families in a run that made none."""
    none = WhyNotPlaced(code="no-interventions")
    families = {
        name: FamilyResult(
            kind=f.kind, pairs=0, entities=0, answers=f.answers, offered=f.offered, answered_both=None, contrast=f.contrast, span=f.span,
            why_not_placed=none,
        )
        for name, f in made.families.items()
    }  # fmt: skip
    kinds = {
        kind: KindLocalisation(families=k.families, testable=0, placed=0, why_not_located=WhyNotLocated(code="no-interventions"))
        for kind, k in made.kinds.items()
    }  # fmt: skip
    order = Order(verdict="undetermined", why=WhyNotOrdered(code="no-interventions"))
    return Localisation(n_layers=made.n_layers, families=families, kinds=kinds, order=order)
