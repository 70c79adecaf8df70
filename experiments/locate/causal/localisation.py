"""From items and answers to places: chooses pairs, measures and analyses family by family, and puts kinds and order together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.locate.causal.family_decision import (
    FamilyAnalysis,
    analyse,
    unmeasured,
    why_not_measured,
)
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.family_workers import FamilyWorkers
from strata.experiments.locate.causal.kind_decision import analyse_kind
from strata.experiments.locate.causal.measure_family import Effort
from strata.experiments.locate.causal.order_decision import hypothesis_of, order_of
from strata.experiments.locate.causal.pair_selection import SelectedFamily
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.family_names import called
from strata.experiments.results.kinds import Hypothesis, KindLocalisation, Localisation, Order
from strata.experiments.results.reasons import WhyNotPlaced
from strata.probes.numerics.threads import side_by_side
from strata.probes.progress import Progress, silent

MATCHED: Mapping[str, str] = MappingProxyType({"knowledge": "K-C", "reasoning": "R-R0"})
"""Contrast of the control families that are matched to a kind."""
PLACE_DRAWS = 1_000
"""Draws of clusters in which the whole rule is applied anew."""
MOST_BESIDE_A_KIND = 18
"""Pairs of a control or a composite family: no kind's place rests on how narrow theirs is."""
Measure = Callable[[SelectedFamily], FamilyMeasurements]
OnFamily = Callable[[str, FamilyResult], object]
"""Is given the name of a family and what is said of it."""


@dataclass(frozen=True)
class Localised:
    """Everything the interventions say, typed, and what it was computed from."""

    selected: tuple[SelectedFamily, ...]
    families: tuple[FamilyAnalysis, ...]
    """In the same order."""
    measurements: Mapping[tuple[Kind, str], FamilyMeasurements]
    kinds: Mapping[str, KindLocalisation]
    order: Order
    hypothesis: tuple[Hypothesis, ...]

    @property
    def names(self) -> list[str]:
        """What each family is called: its own name, with its kind before it where two kinds have one of that name."""
        own = [family.family.name for family in self.families]
        return [called(family.family.kind, name, own) for name, family in zip(own, self.families, strict=True)]

    def results(self, n_layers: int) -> Localisation:
        """What is written of them."""
        families = {name: family.result for name, family in zip(self.names, self.families, strict=True)}
        return Localisation(
            n_layers=n_layers, families=families, kinds=self.kinds, order=self.order, hypothesis=self.hypothesis
        )


# Nine parameters: what is measured and how, how the rule is applied, and who is told of it, vary apart from each other.
def localise(
    selected: Sequence[SelectedFamily],
    n_layers: int,
    measure: Measure,
    *,
    most_pairs: int,
    draws: int = PLACE_DRAWS,
    seed: int = 0,
    workers: FamilyWorkers | None = None,
    progress: Progress = silent,
    on_family: OnFamily = lambda name, result: None,
) -> Localised:
    """Where the model makes its answers to families of at most `most_pairs` pairs. `measure` runs the interventions on one family, or
    finds them kept.

    Families that aren't answered above chance are left alone. `workers`: for several families at once; then `measure` and
    `on_family`, which hears of every family once it is decided, are called by several threads.
    """

    def of_family(family: SelectedFamily) -> tuple[FamilyAnalysis, FamilyMeasurements | None]:
        analysis, measured = decided(family)
        on_family(family.pairs.name, analysis.result)
        return analysis, measured

    def decided(family: SelectedFamily) -> tuple[FamilyAnalysis, FamilyMeasurements | None]:
        why = why_not(family, most_pairs)
        if why is not None:
            return unmeasured(family.pairs, why), None
        measured = measure(family)
        return analyse(family.pairs, measured, draws=draws, seed=seed), measured

    progress("interventions", 0, len(selected), "families")
    found = side_by_side(
        of_family, selected, 1 if workers is None else workers.at_once,
        lambda done: progress("interventions", done, len(selected), "families"),
        threads=1 if workers is None else workers.threads, stopping=None if workers is None else workers.stopping,
        cost=lambda family: expected_cost(family, most_pairs),
    )  # fmt: skip
    measurements = {
        (family.pairs.kind, family.pairs.name): measured
        for family, (_, measured) in zip(selected, found, strict=True)
        if measured is not None
    }
    return _together(selected, [analysis for analysis, _ in found], measurements, n_layers, seed)


def effort_for(family: SelectedFamily, most_pairs: int, *, beside: bool) -> Effort:
    """How much is measured of a family. `beside`: necessity, heads and knockout too."""
    beside_a_kind = family.pairs.kind in ("control", "composite")
    return Effort(min(most_pairs, MOST_BESIDE_A_KIND) if beside_a_kind else most_pairs, beside)


def expected_cost(family: SelectedFamily, most_pairs: int) -> float:
    """Tokens that are run anew for every window, at the most: what a family's time goes by."""
    if why_not(family, most_pairs) is not None:
        return 0.0
    pairs = effort_for(family, most_pairs, beside=True).most_pairs
    return float(sum(pair.reach for pair in family.pairs.pairs[:pairs]))


def why_not(family: SelectedFamily, most_pairs: int) -> WhyNotPlaced | None:
    """Why no intervention is made on a family, if so."""
    if not family.answered:
        return WhyNotPlaced(code="not-answered")
    return why_not_measured(family.pairs, most_pairs)


def _together(
    selected: Sequence[SelectedFamily],
    families: Sequence[FamilyAnalysis],
    measurements: Mapping[tuple[Kind, str], FamilyMeasurements],
    n_layers: int,
    seed: int,
) -> Localised:
    answered: dict[str, list[FamilyAnalysis]] = {
        kind: [
            analysis
            for family, analysis in zip(selected, families, strict=True)
            if family.answered and analysis.family.kind == kind
        ]
        for kind in KINDS
    }
    controls = {
        kind: [analysis for analysis in answered["control"] if analysis.family.contrast == contrast]
        for kind, contrast in MATCHED.items()
    }
    kinds: dict[str, KindLocalisation] = {
        kind: analyse_kind(
            answered[kind], controls.get(kind, []), n_layers,
            asked=any(family.pairs.kind == kind for family in selected), seed=seed,
        )
        for kind in KINDS
    }  # fmt: skip
    order = order_of(kinds, answered, n_layers, seed=seed)
    hypothesis = hypothesis_of(answered, controls["knowledge"], order, seed=seed)
    return Localised(tuple(selected), tuple(families), measurements, kinds, order, hypothesis)
