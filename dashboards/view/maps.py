"""At which layer does each family show something? Layer × family maps with limits, centre and dimming decided here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.family_maps import (
    READ_OUT_MAPS,
    LitRow,
    map_aria,
    no_curve,
    read_out_title,
    row_label,
    unanswered_note,
)
from strata.dashboards.view.labels import INSTRUMENTS, kind_order
from strata.dashboards.view.schema_readings import FamilyAnswers, FamilyMap, MapRow, Series
from strata.experiments.results.intervals import side_of


@dataclass(frozen=True)
class _Recipe:
    """How one measure becomes a map."""

    measure: str  # the series it starts from
    baselines: tuple[str, ...] = ()  # series subtracted: the largest of them at each layer
    constant: float = 0.0  # baseline where there is no such series


_RECIPES = {
    "probe": (_Recipe("accuracy", ("chance", "shuffled", "control_accuracy")), _Recipe("selectivity")),
    "lens": (
        _Recipe("above_null", constant=0.5),
        _Recipe("answer_logprob", ("null_logprob",)),
        _Recipe("logit_difference"),
    ),
}


def build_maps(series: Sequence[Series], behaviour: Sequence[FamilyAnswers]) -> list[FamilyMap]:
    """One map for each instrument and recipe that has at least one family with values, most telling first."""
    lines = {_Line(s.instrument, s.measure, s.kind, s.family): s for s in series if s.family is not None}
    present = {line.instrument for line in lines}
    out = []
    for instrument in (name for name in INSTRUMENTS if name in present and name.split(".")[0] in _RECIPES):
        for recipe in _RECIPES[instrument.split(".")[0]]:
            built = _map(instrument, recipe, lines, behaviour)
            if built is not None:
                out.append(built)
    return out


@dataclass(frozen=True)
class _Line:
    """Which curve of which family."""

    instrument: str
    measure: str
    kind: str
    family: str


def _map(
    instrument: str, recipe: _Recipe, lines: Mapping[_Line, Series], behaviour: Sequence[FamilyAnswers]
) -> FamilyMap | None:
    selected = [s for s in lines.values() if s.instrument == instrument and s.measure == recipe.measure]
    if not selected:
        return None
    layers = tuple(sorted({layer for s in selected for layer in s.layer}))
    rows = []
    for fam in sorted(behaviour, key=lambda b: (kind_order(b.kind), b.family)):
        line = lines.get(_Line(instrument, recipe.measure, fam.kind, fam.family))
        baselines = [lines.get(_Line(instrument, name, fam.kind, fam.family)) for name in recipe.baselines]
        rows.append(_row(fam, line, [b for b in baselines if b], recipe, layers))
    limit, clipped = symmetric_limit([v for r in rows for v in r.value])
    words = READ_OUT_MAPS[recipe.measure]
    title = read_out_title(instrument, words)
    axis = selected[0].axis
    return FamilyMap(
        id=f"{instrument}.{recipe.measure}", instrument=instrument, measure=recipe.measure, title=title, unit=words.unit,
        caption=words.caption, axis=axis, layers=layers, centre=0.0, limits=(-limit, limit), ends=words.ends,
        clipped=clipped, rows=tuple(rows), aria=described(title, axis, rows, layers),
    )  # fmt: skip


def symmetric_limit(values: Sequence[float | None], share: float = 0.99) -> tuple[float, int]:
    """Half the colour range of a map centred at 0 (it holds `share` of the cells), and how many cells lie beyond it."""
    known = np.array([abs(v) for v in values if v is not None])
    limit = max(float(np.quantile(known, share)) if known.size else 1.0, 1e-3)
    rounded = significant(limit, 2) or 1.0
    return rounded, int((known > max(rounded, limit)).sum())


def _row(
    fam: FamilyAnswers, line: Series | None, baselines: Sequence[Series], recipe: _Recipe, layers: Sequence[int]
) -> MapRow:
    note = "" if fam.answered else why_unanswered(fam)
    n = line.n_items if line else fam.n
    cells: dict[str, list[float | None]] = {name: [None] * len(layers) for name in ("value", "low", "high", "base")}
    dim = [0] * len(layers)
    at = {layer: i for i, layer in enumerate(line.layer)} if line else {}
    for column, layer in enumerate(layers):
        mean = None if line is None or layer not in at else line.mean[at[layer]]
        if line is None or mean is None:
            continue
        base = _baseline(baselines, layer, recipe.constant)
        low, high = line.low[at[layer]], line.high[at[layer]]
        cells["value"][column] = significant(mean - base)
        cells["low"][column], cells["high"][column], cells["base"][column] = low, high, significant(base)
        dim[column] = int(side_of(low, high, base) == 0)
    return MapRow(
        family=fam.family, kind=fam.kind, n=n, name=fam.family, label=row_label(fam.family, n),
        note=note if line or note else no_curve(fam.n), dim=tuple(dim),
        value=tuple(cells["value"]), low=tuple(cells["low"]), high=tuple(cells["high"]), base=tuple(cells["base"]),
    )  # fmt: skip


def why_unanswered(fam: FamilyAnswers) -> str:
    """Why a family's row counts for nothing: the accuracy that decided, beside the chance it was held against."""
    decides = fam.decides
    return unanswered_note(None if decides is None else (decides.label, decides.value, decides.chance))


def _baseline(baselines: Sequence[Series], layer: int, constant: float) -> float:
    values = [b.mean[b.layer.index(layer)] for b in baselines if layer in b.layer]
    return max((value for value in values if value is not None), default=constant)


def described(title: str, axis: str, rows: Sequence[MapRow], layers: Sequence[int], *, baseline: bool = True) -> str:
    """The map as a sentence: per family, from which layer on the cells stay undimmed to the end."""
    lit = [
        LitRow(
            row.name, row.kind, row.n,
            [layer for layer, d, v in zip(layers, row.dim, row.value, strict=True) if v is not None and v > 0 and not d],
        )
        for row in rows
    ]  # fmt: skip
    return map_aria(title, axis, lit, baseline=baseline)
