"""The interventions of a run as rows: windows, places, curves over blocks, and the same pair by pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from strata.experiments.items.schema import KINDS
from strata.experiments.locate.causal.cell_evidence import Draws, beyond_third_answer, drawn_clusters, window_effects
from strata.experiments.locate.causal.family_decision import FamilyAnalysis
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.localisation import Localised
from strata.experiments.results.locate_tables import PROFILES, CurveRow, HeadRow, LocationRow, PlaceRow, WindowRow
from strata.experiments.statistics.window_effects import Curves, WindowEffects, cluster_means, curves_of
from strata.probes.interventions.cells import CELLS, Cell, at_span, component_of
from strata.probes.statistics.bootstrap import cluster_codes

GAINED = "gained"
"""Measure: how much of the whole cell's effect is gained at a block, mean of the cumulative curves from below and above."""
_METHOD = "ratio of cluster means; cluster bootstrap, {} draws, 95%"


def window_rows(localised: Localised, *, draws: int, seed: int) -> Iterator[WindowRow]:
    """Every window of every cell that was measured."""
    for analysis, measured in _measured(localised):
        drawn = _draws(analysis, draws, seed)
        for cell in measured.effects:
            effects = window_effects(measured, cell, drawn.clusters)
            values = effects.effects(drawn.weights)
            denoise, noise = effects.ratio(effects.denoise)[0], effects.ratio(effects.noise)[0]
            installed = _installed(measured, cell, effects)
            for k, (first, last) in enumerate(effects.windows):
                estimate = drawn.measured(values[:, k])
                low, high = estimate.interval or (None, None)
                yield WindowRow(
                    kind=analysis.family.kind, family=analysis.family.name, cell=cell, component=component_of(cell),
                    position=_position(analysis, cell), first=first, last=last, effect=estimate.value, low=low, high=high,
                    denoise=float(denoise[k]), noise=float(noise[k]), install=installed.get((first, last)),
                    n_pairs=len(measured.keys), n_clusters=drawn.weights.shape[1],
                )  # fmt: skip


def _installed(measured: FamilyMeasurements, cell: Cell, effects: WindowEffects) -> dict[tuple[int, int], float]:
    table = measured.installs.get(cell)
    if table is None:
        return {}
    columns, rows, beyond = beyond_third_answer(table, effects)
    if not rows.any():
        return {}
    codes = np.unique(effects.clusters[rows], return_inverse=True)[1]
    shares = cluster_means(beyond, codes).mean(axis=0) / cluster_means(effects.difference[rows, None], codes).mean()
    return {effects.windows[k]: float(share) for k, share in zip(columns, shares, strict=True)}


def place_rows(localised: Localised) -> Iterator[PlaceRow]:
    """Where each family's answer is made, draw by draw, at both thresholds of coding: what intervals and orders are made of."""
    for analysis in localised.families:
        for threshold, places in analysis.draws.items():
            for draw, (cell, first, last) in enumerate(zip(places.cell, places.first, places.last, strict=True)):
                if cell >= 0:
                    yield PlaceRow(
                        kind=analysis.family.kind, family=analysis.family.name, threshold=threshold, draw=draw,
                        cell=CELLS[cell], first=int(first), last=int(last),
                    )  # fmt: skip


def head_rows(localised: Localised) -> Iterator[HeadRow]:
    """Every head that was edited alone."""
    for analysis, measured in _measured(localised):
        for head in analysis.heads:
            low, high = head.effect.interval or (None, None)
            yield HeadRow(
                kind=analysis.family.kind, family=analysis.family.name, cell=head.cell, block=head.layer, head=head.head,
                effect=head.effect.value, low=low, high=high, p=head.p, attention=head.attention,
                n_pairs=len(measured.keys), n_clusters=len(set(analysis.family.first(len(measured.keys)).entities)),
            )  # fmt: skip


def curve_rows(localised: Localised, *, draws: int, seed: int) -> Iterator[CurveRow]:
    """Rows of the curves table: by family what is gained at each block, and the effect of single blocks; by kind the mean."""
    for analysis, measured in _measured(localised):
        drawn = _draws(analysis, draws, seed)
        for cell in measured.effects:
            effects = window_effects(measured, cell, drawn.clusters)
            values = effects.effects(drawn.weights)
            curve = _Curve(analysis, cell, len(measured.keys), drawn, draws)
            for block, column in enumerate(curves_of(effects, values).gained.T):
                yield curve.at(GAINED, block, column)
            single = [(k, first) for k, (first, last) in enumerate(effects.windows) if first == last]
            tables = {"effect": values, "denoise": effects.ratio(effects.denoise, drawn.weights),
                      "noise": effects.ratio(effects.noise, drawn.weights)}  # fmt: skip
            for measure, table in tables.items():
                for k, block in single:
                    yield curve.at(measure, block, table[:, k])
    yield from _kind_rows(localised)


def _kind_rows(localised: Localised) -> Iterator[CurveRow]:
    for kind in KINDS:
        families = [family for family in localised.families if family.family.kind == kind and family.gained]
        for cell in CELLS:
            tables = [family.gained[cell][0] for family in families if cell in family.gained]
            if not tables:
                continue
            mean = np.mean(tables, axis=0)
            for block, value in enumerate(mean):
                yield CurveRow(
                    instrument="patching", measure=GAINED, component=component_of(cell), kind=kind, family=None,
                    scheme="used", position="span" if at_span(cell) else "last", axis="block", layer=block,
                    mean=float(value), n_items=sum(family.result.pairs for family in families), n_clusters=len(tables),
                    method="mean over families",
                )  # fmt: skip


def profile_tables(localised: Localised) -> Iterator[pa.Table]:
    """Parts of the profiles table: what is gained at each block, pair by pair, normalised by the pair's own difference."""
    for analysis, measured in _measured(localised):
        for cell, curves in pair_curves(measured).items():
            n, n_layers = curves.gained.shape
            size = n * n_layers
            columns = {
                "item": np.repeat(np.array(measured.keys, dtype=object), n_layers).tolist(),
                "instrument": ["patching"] * size, "measure": [GAINED] * size, "component": [component_of(cell)] * size,
                "position": [_position(analysis, cell)] * size, "layer": list(range(n_layers)) * n,
                "value": curves.gained.ravel().tolist(),
            }  # fmt: skip
            yield PROFILES.of_columns(columns)


def pair_curves(measured: FamilyMeasurements) -> dict[Cell, Curves]:
    """The cumulative curves of every pair by itself, a draw a pair."""
    curves = {}
    everyone = np.arange(len(measured.keys))
    for cell in measured.effects:
        effects = window_effects(measured, cell, everyone)
        curves[cell] = curves_of(effects, effects.effects(np.eye(len(everyone))))
    return curves


def location_rows(localised: Localised, n_layers: int) -> list[LocationRow]:
    """Rows of the locations table: the place of every family and kind."""
    rows: list[LocationRow] = []
    for kind, result in localised.kinds.items():
        if result.located is not None:
            located = result.located
            rows.append(
                _location(kind, None, located.cell, located.layer, located.depth, located.interval, located.families)
            )
    for analysis in localised.families:
        place = analysis.result.place
        if place is not None:
            layer = (place.first + place.last) // 2
            interval = place.interval
            row = _location(
                analysis.family.kind, analysis.family.name, place.cell, layer, (layer + 0.5) / n_layers, interval,
                analysis.result.pairs,
            )  # fmt: skip
            rows.append(row)
    return rows


def _location(
    kind: str, family: str | None, cell: Cell, layer: int, depth: float, interval: tuple[int, int], n: int
) -> LocationRow:
    return LocationRow(
        kind=kind, family=family, instrument="patching", measure=f"makes.{cell}", layer=layer, axis="block", depth=depth,
        low=float(interval[0]), high=float(interval[1]), n=n,
        method="first locus that codes the answer; cluster bootstrap of the whole rule",
    )  # fmt: skip


def _measured(localised: Localised) -> Iterator[tuple[FamilyAnalysis, FamilyMeasurements]]:
    for analysis in localised.families:
        measured = localised.measurements.get((analysis.family.kind, analysis.family.name))
        if measured is not None:
            yield analysis, measured


def _draws(analysis: FamilyAnalysis, draws: int, seed: int) -> Draws:
    return drawn_clusters(cluster_codes(analysis.family.entities), draws=draws, seed=seed)


def _position(analysis: FamilyAnalysis, cell: Cell) -> str:
    return (analysis.family.span or "last") if at_span(cell) else "last"


@dataclass(frozen=True)
class _Curve:
    """A cell of a family, of which curves are made."""

    analysis: FamilyAnalysis
    cell: Cell
    n_pairs: int
    drawn: Draws
    draws: int

    def at(self, measure: str, block: int, values: Float[np.ndarray, " draw"]) -> CurveRow:
        """One block of one curve, from its value in every draw."""
        estimate = self.drawn.measured(values)
        low, high = estimate.interval or (None, None)
        family = self.analysis.family
        return CurveRow(
            instrument="patching", measure=measure, component=component_of(self.cell), kind=family.kind,
            family=family.name, scheme="used", position=_position(self.analysis, self.cell), axis="block", layer=block,
            mean=estimate.value, low=low, high=high, n_items=self.n_pairs, n_clusters=self.drawn.weights.shape[1],
            method=_METHOD.format(self.draws),
        )  # fmt: skip
