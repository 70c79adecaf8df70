"""At which block does an intervention show in each family? The layer × family maps of activation patching and ablation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from strata.dashboards.sentences.family_maps import (
    NO_PAIR,
    MapWords,
    ablation_map,
    patching_map,
    row_label,
    row_name,
)
from strata.dashboards.sentences.intervention_measures import METHODS
from strata.dashboards.view.causal import POOLED
from strata.dashboards.view.causal_labels import measure_meta
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.maps import described, symmetric_limit, why_unanswered
from strata.dashboards.view.schema_causal import CausalLine, CausalView
from strata.dashboards.view.schema_readings import FamilyAnswers, FamilyMap, MapRow
from strata.experiments.results.intervals import side_of

_COMPONENT = "mlp_out"


def build_causal_maps(causal: CausalView, behaviour: Sequence[FamilyAnswers], n_layers: int) -> list[FamilyMap]:
    """Activation patching at the spans and at the last position (gained, effect, denoise), and ablation by every method that ran."""
    of_families = [s for s in causal.lines if s.family is not None]
    lines = [s for s in of_families if s.component == _COMPONENT]
    drawn = _Drawn(behaviour, n_layers)
    out = []
    for measure, component in product(("gained", "effect", "denoise"), ("mlp_out", "attn_out")):
        of_measure = [
            s for s in of_families
            if (s.instrument, s.measure, s.component) == ("patching", measure, component) and (measure in ("gained", "effect") or component == _COMPONENT)
        ]  # fmt: skip
        for where in ("spans", "last"):
            chosen = [s for s in of_measure if (s.position == "last") == (where == "last") and s.position != "all"]
            words = patching_map(measure, measure_meta("patching", measure).label, component, at_last=where == "last")
            name = (
                f"patching.{measure}.{component}.{where}" if component != _COMPONENT else f"patching.{measure}.{where}"
            )
            out.append(drawn.map(_Drawing(name, "patching", measure, words, where != "last"), chosen))
    for method in METHODS:
        drawing = _Drawing(f"ablation.{method}", "ablation", method, ablation_map(method, _COMPONENT))
        out.append(drawn.map(drawing, [s for s in lines if (s.instrument, s.measure) == ("ablation", method)]))
    return [m for m in out if m is not None]


@dataclass(frozen=True)
class _Drawing:
    """Which map it is, and what is said of it."""

    id: str
    instrument: str
    measure: str
    words: MapWords
    apart: bool = True
    """Block 0 there is token identity, or its loss: no part of the range."""


@dataclass(frozen=True)
class _Drawn:
    """What all maps of a run share."""

    behaviour: Sequence[FamilyAnswers]
    n_layers: int

    def map(self, drawing: _Drawing, lines: Sequence[CausalLine]) -> FamilyMap | None:
        """None without a line."""
        if not lines:
            return None
        rows = []
        for fam in sorted(self.behaviour, key=lambda b: (kind_order(b.kind), b.family)):
            of_family = [s for s in lines if (s.kind, s.family) == (fam.kind, fam.family)]
            pooled = [s for s in of_family if s.position in POOLED]
            shown = pooled or sorted(of_family, key=lambda s: s.position)
            rows += [_row(fam, line, len(shown) > 1) for line in shown] or [_empty(fam, self.n_layers)]
        limit, clipped = symmetric_limit([v for r in rows for v in r.value[1 if drawing.apart else 0 :]], 1.0)
        layers = tuple(range(self.n_layers))
        return FamilyMap(
            id=drawing.id, instrument=drawing.instrument, measure=drawing.measure, title=drawing.words.title, unit=drawing.words.unit, caption=drawing.words.caption,
            apart=(0,) if drawing.apart else (), axis="block", layers=layers, centre=0.0, limits=(-limit, limit),
            ends=drawing.words.ends, clipped=clipped, rows=tuple(rows),
            aria=described(drawing.words.title, "block", rows, layers, baseline=False),
        )  # fmt: skip


def _row(fam: FamilyAnswers, line: CausalLine, named: bool) -> MapRow:
    position = line.position if named else None
    dim = tuple(
        int(value is not None and side_of(low, high) == 0)
        for value, low, high in zip(line.mean, line.low, line.high, strict=True)
    )
    return MapRow(
        family=fam.family, kind=fam.kind, n=line.n_items, name=row_name(fam.family, position),
        label=row_label(fam.family, line.n_items, position),
        note="" if fam.answered else why_unanswered(fam), value=line.mean, low=line.low, high=line.high,
        base=tuple(None if v is None else 0.0 for v in line.mean), dim=dim,
    )  # fmt: skip


def _empty(fam: FamilyAnswers, n_layers: int) -> MapRow:
    nothing = (None,) * n_layers
    return MapRow(
        family=fam.family, kind=fam.kind, n=0, name=fam.family, label=row_label(fam.family, 0),
        note=NO_PAIR if fam.answered else why_unanswered(fam), value=nothing, low=nothing, high=nothing,
        base=nothing, dim=(0,) * n_layers,
    )  # fmt: skip
