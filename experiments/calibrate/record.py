"""From the rows of a calibration to its record: by half, cell, variant, null and number of pairs, and how reliable what is published is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from strata.experiments.calibrate.calibration_row import CalibrationRow
from strata.experiments.calibrate.nulls import AT_THE_GATE
from strata.experiments.calibrate.pipeline import MAX_PAIRS
from strata.experiments.calibrate.score import ConstructionScore, FamilyScore, claims, score
from strata.experiments.calibrate.shared_effects import effect_records
from strata.experiments.calibrate.shares import mean_error, share
from strata.experiments.calibrate.truth import Truth
from strata.experiments.calibrate.variants import variants_of, variants_of_model
from strata.experiments.results.calibration import (
    CalibratedPart,
    Calibration,
    Half,
    InstrumentRecord,
    NullRecord,
    OrderRecord,
    PlaceRecord,
    PowerRecord,
    ReliabilityRecord,
    Sample,
    ScreenRecord,
)

_HALVES: tuple[Half, ...] = ("judge", "tune")
_SUPPORT_EDGES = (0.0, 0.5, 0.8, 0.95, 0.99, 1.0)
_CODING_P = (0.01, 0.05, 0.1, 0.25, 0.5)
_LEVEL = 0.95
"""Of the published intervals."""


@dataclass(frozen=True)
class _Scored:
    truth: Truth
    score: ConstructionScore
    pairs: int


def record_of(  # seven parameters: the rows, and all that they don't say about how they came about
    rows: Sequence[CalibrationRow],
    *,
    version: str,
    command: Sequence[str] = (),
    seed: int = 0,
    sample: Sample = "chosen",
    instruments: Sequence[InstrumentRecord] = (),
    screens: Sequence[ScreenRecord] = (),
) -> Calibration:
    every = list(_scored(rows))
    scored = [one for one in every if one.truth.half != "effects"]
    full = [one for one in scored if one.pairs == MAX_PAIRS]
    return Calibration(
        version=version,
        command=tuple(command),
        seed=seed,
        sample=sample,
        models=len(full) + sum(row.null for row in rows),
        seconds=sum(row.seconds for row in rows),
        halves=tuple(_by_half(full, lambda one: ("all",), lambda _one, _family: ("all",))),
        origins=tuple(_by_half(full, lambda one: (one.truth.origin,), lambda one, _family: (one.truth.origin,))),
        by_model=tuple(
            _by_half(full, lambda one: (one.truth.name,), lambda one, _family: (one.truth.name,), ordered=True)
        ),
        cells=tuple(_by_half(full, None, lambda _one, family: (family.cell,))),
        variants=tuple(
            _by_half(
                full,
                lambda one: variants_of_model(one.truth),
                lambda one, family: variants_of(family.family, one.truth),
            )
        ),
        nulls=tuple(_nulls(rows)),
        power=tuple(_power(scored)),
        effects=effect_records([(one.truth, one.score, one.pairs) for one in every]),
        reliability=tuple(_reliability(full, rows)),
        instruments=(*_of_the_rule(full, instruments), *instruments),
        screens=tuple(screens),
        excluded={
            row.name: {family: tuple(parts) for family, parts in row.excluded.items()} for row in rows if row.excluded
        },
        failed={row.name: row.error for row in rows if row.error is not None},
    )


def places_of(families: Sequence[Sequence[tuple[FamilyScore, int]]]) -> PlaceRecord:
    """Of families with their model's number of blocks, model by model."""
    every = [family for of_model in families for family, _ in of_model]
    count = {
        verdict: sum(family.verdict == verdict for family in every) for verdict in ("right", "part", "silent", "wrong")
    }
    placed = [[(family, n) for family, n in of_model if family.verdict != "silent"] for of_model in families]
    return PlaceRecord(
        models=sum(bool(of_model) for of_model in families),
        families=len(every),
        **count,
        error_blocks=mean_error([[family.error for family, _ in one if family.error is not None] for one in placed]),
        error_depth=mean_error([[family.error / n for family, n in one if family.error is not None] for one in placed]),
        within_one=share([(sum(family.within_one for family, _ in one), len(one)) for one in placed]),
        coverage=share([_covered(family for family, _ in one) for one in families]),
        interval_blocks=_mean([f.interval_width for f in every if f.interval_width is not None]),
        readings=share([_readings(family for family, _ in one) for one in families]),
        placed=share([(sum(f.verdict in ("right", "part") for f, _ in one), len(one)) for one in families]),
        placed_wrong=share([(sum(f.verdict == "wrong" for f, _ in one), len(one)) for one in families]),
    )  # fmt: skip


def _covered(families: Iterable[FamilyScore]) -> tuple[int, int]:
    ends = [end for family in families if family.covers is not None for end in family.covers]
    return sum(ends), len(ends)


def _readings(families: Iterable[FamilyScore]) -> tuple[int, int]:
    said = [family.reading_right for family in families if family.reading_right is not None]
    return sum(said), len(said)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan


def _scored(rows: Sequence[CalibrationRow]) -> Iterator[_Scored]:
    for row in rows:
        if not row.null and row.summary is not None and row.truth is not None:
            yield _Scored(row.truth, score(row.summary, row.truth, tuple(row.excluded)), row.max_pairs)


def _by_half(
    scored: Sequence[_Scored],
    of_model: Callable[[_Scored], tuple[str, ...]] | None,
    of_family: Callable[[_Scored, FamilyScore], tuple[str, ...]],
    *,
    ordered: bool = False,
) -> Iterator[CalibratedPart]:
    for half in _HALVES:
        of_half = [one for one in scored if one.truth.half == half]
        names = dict.fromkeys(
            name for one in of_half for family in one.score.families for name in of_family(one, family)
        )
        for name in names if ordered else sorted(names):
            families = [
                [(family, one.truth.n_layers) for family in one.score.families if name in of_family(one, family)]
                for one in of_half
            ]
            models = [one for one in of_half if of_model is not None and name in of_model(one)]
            yield CalibratedPart(
                name=name,
                half=half,
                places=places_of(families),
                orders=_orders(models) if of_model is not None else None,
            )


def _orders(models: Sequence[_Scored]) -> OrderRecord:
    true = [one.score.order for one in models if one.truth.order != "undetermined"]
    none = [one.score.order for one in models if one.truth.order == "undetermined"]
    return OrderRecord(
        right=share([(order == "right", 1) for order in true]),
        silent=share([(order == "undetermined", 1) for order in true]),
        wrong=share([(order == "wrong", 1) for order in true]),
        claimed=share([(order == "wrong", 1) for order in none]),
    )


def _nulls(rows: Sequence[CalibrationRow]) -> Iterator[NullRecord]:
    nulls = [row for row in rows if row.null]
    kinds = list(dict.fromkeys(row.null_kind for row in nulls if row.null_kind is not None))
    # In models with unequal places the places are true: only their order isn't. Those that stop at the gate would thin the rates out.
    empty = [row for row in nulls if row.null_kind not in ("unequal", *AT_THE_GATE)]
    groups: list[tuple[str, list[CalibrationRow]]] = [
        (str(kind), [row for row in nulls if row.null_kind == kind]) for kind in kinds
    ]
    if len({row.null_kind for row in empty}) > 1:
        groups.append(("all-but-unequal", empty))
    for kind, of_kind in groups:
        said = [claims(row.summary) for row in of_kind if row.summary is not None]
        yield NullRecord(
            kind=kind,
            runs=len(of_kind),
            failed=len(of_kind) - len(said),
            as_blocks=share([(one.blocks, one.kinds) for one in said]),
            as_spread=share([(one.spread, one.kinds) for one in said]),
            families_placed=share([(one.placed, one.families) for one in said]),
            orders=share([(one.order, 1) for one in said]),
            orders_general=share([(one.order_general, 1) for one in said]),
        )


def _power(scored: Sequence[_Scored]) -> Iterator[PowerRecord]:
    """Over models that were run with every number of pairs."""
    numbers = sorted({one.pairs for one in scored})
    by_name: dict[str, set[int]] = {}
    for one in scored:
        by_name.setdefault(one.truth.name, set()).add(one.pairs)
    complete = {name for name, pairs in by_name.items() if len(pairs) == len(numbers)}
    if len(numbers) < 2:
        return
    for cell in ("all", *sorted({family.cell for one in scored for family in one.score.families})):
        for pairs in numbers:
            of_number = [one for one in scored if one.pairs == pairs and one.truth.name in complete]
            families = [
                [(f, one.truth.n_layers) for f in one.score.families if cell in ("all", f.cell)] for one in of_number
            ]
            orders = _orders(of_number) if cell == "all" else None
            yield PowerRecord(cell=cell, pairs=pairs, places=places_of(families), orders=orders)


def _of_the_rule(scored: Sequence[_Scored], beside: Sequence[InstrumentRecord]) -> Iterator[InstrumentRecord]:
    """The rule of localisation on the variants that other instruments were asked about."""
    for variant in sorted({one.variant for one in beside}):
        families = [
            [family for family in one.score.families if variant in variants_of(family.family, one.truth)]
            for one in scored
        ]
        yield InstrumentRecord(
            instrument="the rule of `locate`",
            variant=variant,
            silent=sum(family.verdict == "silent" for one in families for family in one),
            within_one=share([(sum(family.within_one for family in one), len(one)) for one in families]),
            error_blocks=mean_error([[family.error for family in one if family.error is not None] for one in families]),
        )


def _reliability(scored: Sequence[_Scored], rows: Sequence[CalibrationRow]) -> Iterator[ReliabilityRecord]:
    for low, high in pairwise(_SUPPORT_EDGES):
        within = [
            [
                f
                for f in one.score.families
                if f.support is not None and (low < f.support <= high or f.support == low == 0)
            ]
            for one in scored
        ]
        supports = [f.support for one in within for f in one if f.support is not None]
        if supports:
            observed = share([(sum(f.verdict in ("right", "part") for f in one), len(one)) for one in within])
            yield ReliabilityRecord(what="support", published=sum(supports) / len(supports), observed=observed)
    ends = [_covered(one.score.families) for one in scored]
    if any(of for _, of in ends):
        yield ReliabilityRecord(what="interval", published=_LEVEL, observed=share(ends))
    drawn = [list(_coding_p(row)) for row in rows if row.null_kind == "permuted"]
    if any(drawn):
        for at_most in _CODING_P:
            observed = share([(sum(p <= at_most for p in of_run), len(of_run)) for of_run in drawn])
            yield ReliabilityRecord(what="coding p", published=at_most, observed=observed)


def _coding_p(row: CalibrationRow) -> Iterator[float]:
    for family in row.summary.families.values() if row.summary is not None else ():
        for locus in family.loci if isinstance(family.loci, list) else ():
            codes = locus.get("codes") if isinstance(locus, Mapping) else None
            p = codes.get("p") if isinstance(codes, Mapping) else None
            if isinstance(p, (int, float)):
                yield float(p)
