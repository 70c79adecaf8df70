"""At which block does an intervention show in each family? The layer × family maps of activation patching and ablation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from strata.dashboards.view.causal import POOLED
from strata.dashboards.view.causal_labels import COMPONENTS, METHODS, measure_meta
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.maps import describe, symmetric_limit, unanswered_note
from strata.dashboards.view.schema_causal import CausalLine, CausalView
from strata.dashboards.view.schema_readings import FamilyAnswers, FamilyMap, MapRow

_COMPONENT = "mlp_out"


def build_causal_maps(causal: CausalView, behaviour: Sequence[FamilyAnswers], n_layers: int) -> list[FamilyMap]:
    """Activation patching at the spans and at the last position (effect, excess, denoise), and ablation by every method that ran."""
    of_families = [s for s in causal.lines if s.family is not None]
    lines = [s for s in of_families if s.component == _COMPONENT]
    drawn = _Drawn(behaviour, n_layers)
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
            if (s.instrument, s.measure, s.component) == ("patching", measure, component) and (measure in ("gained", "effect") or component == _COMPONENT)
        ]  # fmt: skip
        for where, text in (("spans", "at its spans"), ("last", "at the last position")):
            chosen = [s for s in of_measure if (s.position == "last") == (where == "last") and s.position != "all"]
            title = f"Activation patching of the {COMPONENTS[component]} {text}: {measure_meta('patching', measure).label.lower()}"
            name = (
                f"patching.{measure}.{component}.{where}" if component != _COMPONENT else f"patching.{measure}.{where}"
            )
            drawing = _Drawing(name, "patching", measure, title, what, ("away from the answer", "towards the answer"), component, where != "last")  # fmt: skip
            out.append(drawn.map(drawing, chosen))
    for method in ("mean", "resample", "zero"):
        ablations = [s for s in lines if s.instrument == "ablation"]
        ablated = next((m for m in (f"specific.{method}", method) if any(s.measure == m for s in ablations)), None)
        if ablated is None:
            continue
        what = "share of the answer's advantage lost" + (" minus the matched control's" if ablated != method else "")
        title = f"Ablation of the {COMPONENTS[_COMPONENT]} by {METHODS[method]}"
        drawing = _Drawing(f"ablation.{ablated}", "ablation", ablated, title, what, ("answer gains", "answer loses"))
        out.append(drawn.map(drawing, [s for s in ablations if s.measure == ablated]))
    return [m for m in out if m is not None]


@dataclass(frozen=True)
class _Drawing:
    """Which map it is, and what is said of it."""

    id: str
    instrument: str
    measure: str
    title: str
    unit: str
    ends: tuple[str, str]
    component: str = _COMPONENT
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
            id=drawing.id, instrument=drawing.instrument, measure=drawing.measure, title=drawing.title, unit=drawing.unit,
            caption=f"A cell is the mean over a family's pairs {_edited(drawing.measure, COMPONENTS[drawing.component])}; "
            "dimmed where its 95 % interval covers 0 or no interval could be computed (fewer than 8 clusters)."
            + (" ✖: block 0 at a replaced token is token identity, not counted." if drawing.apart else ""),
            apart=(0,) if drawing.apart else (), axis="block", layers=layers, centre=0.0, limits=(-limit, limit),
            ends=drawing.ends, clipped=clipped, rows=tuple(rows),
            aria=describe(drawing.title, "block", rows, layers, "above 0"),
        )  # fmt: skip


def _edited(measure: str, component: str) -> str:
    if measure == "gained":
        return f"of what is gained when the {component} of that block joins a window of edited blocks, grown from below and from above"
    return f"when the {component} of that block alone is edited"


def _row(fam: FamilyAnswers, line: CausalLine, named: bool) -> MapRow:
    label = f"{fam.family} · {line.position}" if named else fam.family
    dim = tuple(
        int(v is not None and (a is None or b is None or a <= 0 <= b))
        for v, a, b in zip(line.mean, line.low, line.high, strict=True)
    )
    return MapRow(
        family=fam.family, kind=fam.kind, n=line.n_items, name=label, label=f"{label} · n {line.n_items}",
        note="" if fam.answered else unanswered_note(fam), value=line.mean, low=line.low, high=line.high,
        base=tuple(None if v is None else 0.0 for v in line.mean), dim=dim,
    )  # fmt: skip


def _empty(fam: FamilyAnswers, n_layers: int) -> MapRow:
    nothing = (None,) * n_layers
    return MapRow(
        family=fam.family, kind=fam.kind, n=0, name=fam.family, label=f"{fam.family} · n 0",
        note="no usable pair" if fam.answered else unanswered_note(fam), value=nothing, low=nothing, high=nothing,
        base=nothing, dim=(0,) * n_layers,
    )  # fmt: skip
