"""Which curves can the page draw? Rows of the curves table gathered into one series a line, numbers untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strata.dashboards.number_formats import significant
from strata.dashboards.sentences.read_out_measures import curve_aria
from strata.dashboards.view.labels import kind_order
from strata.dashboards.view.schema_parts import Shown
from strata.dashboards.view.schema_readings import Series
from strata.experiments.results.locate_tables import Axis, CurveRow


@dataclass(frozen=True)
class _Where:
    """Which curve a row is part of."""

    instrument: str
    measure: str
    kind: str
    family: str | None
    target: str | None
    scheme: str | None
    position: str
    axis: Axis


def build_series(curves: Sequence[CurveRow]) -> list[Series]:
    """One entry a line: whole kinds for every choice, single families for the default choice only (for size).

    Interventions are not among them: they have a component too and stand in `causal`.
    """
    groups: dict[_Where, list[CurveRow]] = {}
    for row in curves:
        where = _Where(
            row.instrument, row.measure, row.kind, row.family, row.target, row.scheme, row.position, row.axis
        )
        groups.setdefault(where, []).append(row)
    shown = default_choice(curves)
    series = [
        _one(where, sorted(rows, key=lambda row: row.layer))
        for where, rows in groups.items()
        if where.family is None or _is_default(where, shown)
    ]
    series.sort(key=lambda s: (s.instrument, s.measure, kind_order(s.kind), s.family or "", s.id))
    return series


def default_choice(curves: Iterable[CurveRow]) -> Shown:
    """Target, scheme and position shown first: answer, cluster-disjoint folds, last; else the commonest."""
    rows = list(curves)
    return Shown(
        target=_commonest((row.target for row in rows), "answer"),
        scheme=_commonest((row.scheme for row in rows), "cluster"),
        position=_commonest((row.position for row in rows), "last"),
    )


def _commonest(values: Iterable[str | None], wanted: str) -> str | None:
    counts = Counter(value for value in values if value)
    if wanted in counts:
        return wanted
    return min(counts, key=lambda value: (-counts[value], value), default=None)


def _is_default(where: _Where, shown: Shown) -> bool:
    """Whether a line belongs to the choice shown first; a lens has neither target nor scheme."""
    return (
        where.target in (None, shown.target)
        and where.scheme in (None, shown.scheme)
        and where.position in (None, shown.position)
    )


def _one(where: _Where, rows: Sequence[CurveRow]) -> Series:
    series = Series(
        **vars(where),
        id="|".join("" if value is None else str(value) for value in vars(where).values()),
        layer=tuple(row.layer for row in rows),
        mean=tuple(significant(row.mean) for row in rows),
        low=tuple(significant(row.low) for row in rows),
        high=tuple(significant(row.high) for row in rows),
        n_items=max(row.n_items or 0 for row in rows),
        n_clusters=max(row.n_clusters or 0 for row in rows),
        method=next((row.method for row in rows if row.method), ""),
        aria="",
    )
    return series.model_copy(
        update={"aria": curve_aria(series.instrument, series.measure, series.family or series.kind, series)}
    )
