"""Is the answer of a family made elsewhere than before? The places of two models on the same pairs, draw by draw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.causal.family_decision import FamilyAnalysis
from strata.experiments.results.cell_changes import LocationChange, Moved
from strata.experiments.results.comparison_reasons import WhyNotMoved
from strata.experiments.results.families import Place
from strata.experiments.results.record import Interval, Measured
from strata.experiments.results.roles import Role
from strata.experiments.statistics.answer_coding import CODES
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND, equivalent
from strata.experiments.statistics.family_samples import Sampled, mean_of_families
from strata.experiments.statistics.few_cluster_correction import stretch
from strata.experiments.statistics.places import PlaceDraws

METHOD = "middle of each family's place on the pairs that both models answer, mean over families; families and clusters resampled"


@dataclass(frozen=True)
class PlaceChange:
    """One family, placed in both models on the same pairs."""

    before: Place
    after: Place
    overlaps: Bool[np.ndarray, " draw"]
    """Whether the places have a block of a cell in common, or one of them is nowhere."""
    shifts: Float[np.ndarray, " draw"]
    """Blocks from middle to middle, in the draws in which both are somewhere; the first is that of the pairs as they are."""
    n_clusters: int

    @property
    def overlap(self) -> float:
        return float(self.overlaps.mean())

    @property
    def p(self) -> float:
        """Of an overlap; 1 where the places overlap as they are."""
        cell, other = self.before, self.after
        if cell.cell == other.cell and cell.first <= other.last and other.first <= cell.last:
            return 1.0
        return float((1 + self.overlaps.sum()) / (1 + len(self.overlaps)))

    @property
    def shift(self) -> Measured:
        value, drawn = float(self.shifts[0]), self.shifts[1:]
        if not len(drawn):
            return Measured(value=value)
        low, high = np.quantile(drawn, (0.025, 0.975))
        wider = stretch(self.n_clusters)
        return Measured(
            value=value, interval=(value + wider * (float(low) - value), value + wider * (float(high) - value))
        )


def place_change(before: FamilyAnalysis, after: FamilyAnalysis) -> PlaceChange | None:
    """Of two analyses of the same pairs; None where one of them names no place."""
    one, other = before.result.place, after.result.place
    if one is None or other is None or CODES not in before.draws or CODES not in after.draws:
        return None
    drawn, drawn_after = before.draws[CODES], after.draws[CODES]
    both = (drawn.cell >= 0) & (drawn_after.cell >= 0)
    apart = (
        (drawn.cell != drawn_after.cell) | (drawn.first > drawn_after.last) | (drawn_after.first > drawn.last)
    ) & both
    moved = (_middle(drawn_after) - _middle(drawn))[both]
    as_they_are = (other.first + other.last - one.first - one.last) / 2
    return PlaceChange(one, other, ~apart, np.array([as_they_are, *moved]), before.result.entities)


def _middle(drawn: PlaceDraws) -> Float[np.ndarray, " draw"]:
    middle: np.ndarray = (drawn.first + drawn.last) / 2
    return middle


def location_changes(
    changes: Mapping[tuple[Kind, str], PlaceChange],
    located: Mapping[Role, Collection[Kind]],
    n_layers: int,
    *,
    seed: int,
) -> dict[Kind, LocationChange]:
    """By kind. `located`: the kinds located in each of the two models."""
    return {
        kind: location_change(
            [change for (of_kind, _), change in changes.items() if of_kind == kind],
            {role: kind in kinds for role, kinds in located.items()}, n_layers, seed=seed,
        )
        for kind in KINDS
    }  # fmt: skip


def location_change(
    changes: list[PlaceChange], located: Mapping[Role, bool], n_layers: int, *, seed: int
) -> LocationChange:
    """Mean shift over the families that are placed in both models, as a share of the depth.

    "Unchanged" is said only when the 90 % interval lies within ±0.05 of the depth; without a location in both models
    (`located`: by name) it is "undetermined" whatever the numbers are.
    """
    drawn = [change.shifts / n_layers for change in changes if len(change.shifts) > 1]
    if not drawn:
        return LocationChange(verdict="undetermined", why=WhyNotMoved(code="no-shared-family"))
    n = min(map(len, drawn))
    change: Sampled = mean_of_families([shifts[:n] for shifts in drawn], seed=seed)
    interval, interval90 = change.interval(), change.interval(0.9)
    missing = tuple(role for role, there in located.items() if not there)
    verdict, why = _verdict(interval, interval90), None
    if missing:
        verdict, why = "undetermined", WhyNotMoved(code="not-located", models=missing)
    elif verdict == "undetermined":
        why = WhyNotMoved(code="interval-open", bound=EQUIVALENCE_BOUND)
    return LocationChange(
        verdict=verdict, families=len(drawn), difference=change.value, interval=interval, interval90=interval90,
        p=change.two_sided_p, why=why, method=METHOD,
    )  # fmt: skip


def _verdict(interval: Interval, interval90: Interval) -> Moved:
    if equivalent(*interval90):
        return "unchanged"
    return "deeper" if interval[0] > 0 else "shallower" if interval[1] < 0 else "undetermined"
