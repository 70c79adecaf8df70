"""From what was measured on a family to what is said of it: loci, roles, place, interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from strata.experiments.items.schema import Kind
from strata.experiments.locate.causal.cell_evidence import (
    Draws,
    cell_results,
    counted_draws,
    drawn_clusters,
    is_undecided,
    lost_share,
    window_effects,
)
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements
from strata.experiments.locate.causal.handover_and_attribution import attribution_agreement, handover_of, knocked_out
from strata.experiments.locate.causal.head_results import head_results, head_sets, strongest
from strata.experiments.results.families import (
    CellResult,
    Codes,
    FamilyResult,
    HeadResult,
    Locus,
    Place,
    ReadOut,
    Role,
)
from strata.experiments.results.reasons import WhyNotPlaced
from strata.experiments.results.record import Measured
from strata.experiments.statistics.answer_coding import (
    CODES,
    FEWEST_COUPLES,
    IN_PART,
    Couples,
    coding_verdict,
    couples_of,
    permutation_p,
    slopes,
)
from strata.experiments.statistics.few_cluster_correction import stretch
from strata.experiments.statistics.loci import REACHES, widest_as_blocks
from strata.experiments.statistics.places import (
    CellEvidence,
    ChosenLocus,
    PlaceDraws,
    cell_loci,
    interval_of,
    loci_in_turn,
    place_draws,
)
from strata.experiments.statistics.window_effects import WindowEffects, curves_of
from strata.probes.interventions.cells import CELLS, Cell
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.statistics.bootstrap import cluster_codes

PERMUTATIONS = 499
NEARLY_ALL_DRAWS = 0.9
"""Share of draws that have to name either of two places before a family that wavers between them is placed."""
HALF_OF_DRAWS = 0.5
"""Share of draws up to which a family isn't placed in the cell that the pairs as they are speak for."""
FEWEST_PAIRS = 12
FEWEST_ENTITIES = 10
LEVEL_OF_LOOKS = (0.95, 0.975, 0.98, 0.982)
"""Level of a place's interval by how often one was looked for: pairs are added while it is wide (Pocock 1977)."""


@dataclass(frozen=True)
class FamilyPairs:
    """The pairs of one family, and what its result says of where they come from."""

    name: str
    kind: Kind
    pairs: tuple[Pair, ...]
    entities: tuple[str, ...]
    """Of each pair: what is resampled."""
    inputs: tuple[frozenset[tuple[int, ...]], ...]
    """Of each pair: tokens of the replaced span in its two prompts."""
    span: str | None
    same_last: bool
    offered: int
    answered_both: float | None
    contrast: str | None = None
    third: tuple[Pair, ...] = ()
    """Of each pair: its own question with a third answer in the replaced span; empty: other pairs bring third answers."""

    def first(self, n: int) -> FamilyPairs:
        """The same with the first `n` pairs."""
        return FamilyPairs(
            self.name, self.kind, self.pairs[:n], self.entities[:n], self.inputs[:n], self.span, self.same_last,
            self.offered, self.answered_both, self.contrast, self.third[:n],
        )  # fmt: skip


@dataclass(frozen=True)
class FamilyAnalysis:
    family: FamilyPairs
    result: FamilyResult
    testable: bool
    """Whether it can be asked which locus codes the answer."""
    draws: Mapping[float, PlaceDraws]
    """By threshold of coding; without row 0. Empty where no cell counts."""
    gained: Mapping[Cell, Float[np.ndarray, "draw block"]]
    """Effect gained at each block of a cell, draw by draw; row 0 is the pairs as they are."""
    heads: tuple[HeadResult, ...] = ()
    """All that were measured; the result has the strongest."""


def unmeasured(family: FamilyPairs, why: WhyNotPlaced) -> FamilyAnalysis:
    """A family on which no intervention was made."""
    return FamilyAnalysis(family, _result(family, why_not_placed=why), False, {}, {})


def why_not_measured(family: FamilyPairs, most_pairs: int) -> WhyNotPlaced | None:
    """Too few pairs or entities to say anything, if so; fewer than usual are enough where no more were asked for."""
    n_pairs, n_entities = len(family.pairs), len(set(family.entities))
    pairs, entities = min(FEWEST_PAIRS, most_pairs), min(FEWEST_ENTITIES, most_pairs)
    if n_pairs < pairs:
        return WhyNotPlaced(code="too-few-pairs", pairs=n_pairs, needed=pairs)
    if n_entities < entities:
        return WhyNotPlaced(code="too-few-entities", entities=n_entities, needed=entities)
    return None


def analyse(family: FamilyPairs, measured: FamilyMeasurements, *, draws: int, seed: int) -> FamilyAnalysis:
    """Applies the whole rule to the pairs that were measured."""
    family = family.first(len(measured.keys))
    drawn = drawn_clusters(cluster_codes(family.entities), draws=draws, seed=seed)
    effects = {cell: window_effects(measured, cell, drawn.clusters) for cell in CELLS if cell in measured.effects}
    cells = cell_results(measured, effects, drawn, same_last=family.same_last, seed=seed)
    counts = {
        cell: counted_draws(
            cells[cell], of_cell.effects(drawn.weights)[:, of_cell.whole], always=cell == "move" and family.same_last
        )
        for cell, of_cell in effects.items()
    }
    undecided = next((cell for cell in cells if is_undecided(cells[cell])), None)
    answers = [(pair.answer_id, pair.foil_id) for pair in family.pairs]
    # One question asked twice, its first operand replaced here and its second there, shares more than its answer.
    inputs = [both | {entity} for both, entity in zip(family.inputs, family.entities, strict=True)]
    couples = couples_of(answers, inputs, measured.inputs)
    evidence = [
        _evidence(cell, effects[cell], measured, couples if couples.testable else None, drawn, of_cell, seed)
        for cell, of_cell in counts.items()
        if of_cell.any() and any(cell.counts for cell in cells.values())
    ]
    gained = {cell: curves_of(of_cell, of_cell.effects(drawn.weights)).gained for cell, of_cell in effects.items()}
    if not evidence:
        result = _result(family, cells=cells, why_not_placed=_none_counts(cells), looks=measured.looks)
        return FamilyAnalysis(family, result, couples.testable, {}, gained)
    by_threshold = {threshold: place_draws(evidence, threshold) for threshold in (CODES, IN_PART)}
    level = LEVEL_OF_LOOKS[min(measured.looks, len(LEVEL_OF_LOOKS)) - 1]
    places = {
        threshold: _place(of_threshold, cells, measured.n_layers, drawn, level)
        for threshold, of_threshold in by_threshold.items()
    }
    said = places[CODES]
    shaky = said if said is not None and not _agree(said) else None
    if shaky is not None and _between_thresholds(shaky, places[IN_PART], by_threshold[CODES]):
        shaky = None
    places = {
        threshold: place if place is not None and (_agree(place) or (threshold == CODES and shaky is None)) else None
        for threshold, place in places.items()
    }
    if undecided is not None:
        # What it would make, if it counted, can't be told: nor whether a later place is the first.
        places = dict.fromkeys(places)
    strict, lenient = places[CODES], places[IN_PART]
    heads = head_results(measured, couples, drawn, seed)
    result = _result(
        family,
        cells=cells,
        place=strict,
        place_in_part=None if _same(strict, lenient) else lenient,
        why_not_placed=None if strict else _why_not_placed(couples, undecided, shaky, cells),
        loci=_loci(evidence, measured, couples, drawn, family, seed, told=undecided is None and shaky is None),
        heads=strongest(heads),
        head_sets=head_sets(measured, drawn),
        knockout=knocked_out(measured, drawn),
        handover=handover_of(effects) if family.same_last else None,
        attribution=attribution_agreement(measured, cells),
        looks=measured.looks,
    )
    of_draws = (
        {}
        if undecided is not None
        else {
            threshold: PlaceDraws(drawn_.cell[1:], drawn_.first[1:], drawn_.last[1:])
            for threshold, drawn_ in by_threshold.items()
        }
    )
    return FamilyAnalysis(family, result, couples.testable, of_draws, gained, heads)


def _evidence(
    cell: Cell,
    effects: WindowEffects,
    measured: FamilyMeasurements,
    couples: Couples | None,
    draws: Draws,
    counts: Bool[np.ndarray, " draw"],
    seed: int,
) -> CellEvidence:
    values = effects.effects(draws.weights)
    if couples is None:
        return CellEvidence(cell, effects, values, None, None, counts)
    similarity = measured.cosines[cell][:, couples.left, couples.right]
    p = np.ones(len(effects.windows))
    reach = values >= REACHES * values[:, effects.whole, None]
    asked = np.flatnonzero(reach.mean(axis=0) > 0.01)
    p[asked] = permutation_p(similarity[asked], couples, permutations=PERMUTATIONS, seed=seed)
    return CellEvidence(cell, effects, values, slopes(similarity, couples, draws.of_pairs), p, counts)


def _place(
    draws: PlaceDraws, cells: Mapping[Cell, CellResult], n_layers: int, drawn: Draws, level: float
) -> Place | None:
    if draws.cell[0] < 0:
        return None
    cell, first, last = CELLS[draws.cell[0]], int(draws.first[0]), int(draws.last[0])
    resampled = PlaceDraws(draws.cell[1:], draws.first[1:], draws.last[1:])
    there = resampled.of_cell(cell)
    interval = (first, last)
    if there.any():
        wider = stretch(drawn.weights.shape[1])
        interval = interval_of(resampled, cell, first, last, level=level, stretch=wider)
    return Place(
        cell=cell, first=first, last=last,
        interval=(max(interval[0], 0), min(interval[1], n_layers - 1)),
        extent="blocks" if last - first + 1 <= widest_as_blocks(n_layers) else "spread",
        depth=((first + last) / 2 + 0.5) / n_layers,
        support=float(there.mean()),
        reading=cells[cell].reading,
    )  # fmt: skip


def _same(strict: Place | None, lenient: Place | None) -> bool:
    if strict is None or lenient is None:
        return strict is lenient
    return (strict.cell, strict.first, strict.last) == (lenient.cell, lenient.first, lenient.last)


def _loci(
    evidence: Sequence[CellEvidence],
    measured: FamilyMeasurements,
    couples: Couples,
    draws: Draws,
    family: FamilyPairs,
    seed: int,
    *,
    told: bool,
) -> tuple[Locus, ...]:
    """In processing order. `told`: which of them is the first that codes the answer; with a cell undecided, or draws that disagree, it may be another one."""
    in_turn = [locus for locus, _ in loci_in_turn(cell_loci(evidence, CODES), 0)]
    by_cell = {of_cell.cell: of_cell for of_cell in evidence}
    codings = [_codes(by_cell[locus.cell], locus.window, couples) for locus in in_turn]
    makes = next((index for index, codes in enumerate(codings) if codes.verdict == "codes"), None)
    return tuple(
        _locus(
            locus,
            by_cell[locus.cell],
            codes,
            _role(index, makes, codes) if told else "open",
            measured,
            draws,
            family,
            seed,
        )
        for index, (locus, codes) in enumerate(zip(in_turn, codings, strict=True))
    )


def _role(index: int, makes: int | None, codes: Codes) -> Role:
    if codes.verdict == "untestable":
        return "open"
    if index == makes:
        return "makes"
    if makes is not None and index > makes:
        return "relays"
    return "in-part" if codes.verdict == "in-part" else "prepares"


def _codes(evidence: CellEvidence, window: int, couples: Couples) -> Codes:
    if evidence.slopes is None or evidence.p is None:
        return Codes(slope=None, p=None, couples=couples.telling, verdict="untestable")
    slope, p = float(evidence.slopes[0, window]), float(evidence.p[window])
    return Codes(slope=slope, p=p, couples=couples.telling, verdict=coding_verdict(slope, p))


def _locus(
    locus: ChosenLocus,
    evidence: CellEvidence,
    codes: Codes,
    role: Role,
    measured: FamilyMeasurements,
    draws: Draws,
    family: FamilyPairs,
    seed: int,
) -> Locus:
    window = evidence.effects.windows[locus.window]
    table = measured.necessity.get(locus.cell)
    has_necessity = table is not None and window in table.windows
    return Locus(
        cell=locus.cell, first=window[0], last=window[1],
        effect=float(evidence.values[0, locus.window]),
        carrying=locus.carrying,
        codes=codes,
        read_out=_read_out(measured, locus.cell, window, draws, family, seed),
        necessity=lost_share(measured, table, window, draws) if table is not None and has_necessity else None,
        role=role,
    )  # fmt: skip


def _read_out(
    measured: FamilyMeasurements, cell: Cell, window: tuple[int, int], draws: Draws, family: FamilyPairs, seed: int
) -> ReadOut | None:
    """How far the window's own contribution pushes the answer, and whether that is beyond chance signs of clusters."""
    if cell not in measured.read_out:
        return None
    pushed = measured.read_out[cell][:, window[0] : window[1] + 1].sum(axis=1)
    by_cluster = np.zeros(draws.weights.shape[1])
    np.add.at(by_cluster, draws.clusters, pushed)
    by_cluster /= np.bincount(draws.clusters)
    values = (draws.weights @ by_cluster) / draws.weights.sum(axis=1)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(1_000, len(by_cluster)))
    p = (1 + np.count_nonzero(signs @ by_cluster >= by_cluster.sum())) / 1_001
    return ReadOut(margin=draws.measured(values), p=float(p))


def _none_counts(cells: Mapping[Cell, CellResult]) -> WhyNotPlaced:
    strongest = max(
        (cell for cell in cells if cells[cell].effect is not None),
        key=lambda cell: _effect(cells[cell]).value,
        default=None,
    )
    if strongest is None:
        return WhyNotPlaced(code="no-cell-counts")
    effect = _effect(cells[strongest])
    low = None if effect.interval is None else effect.interval[0]
    return WhyNotPlaced(code="no-cell-counts", cell=strongest, effect=effect.value, low=low)


def _effect(cell: CellResult) -> Measured:
    assert cell.effect is not None
    return cell.effect


def _agree(place: Place) -> bool:
    """Whether more than half of the draws of entities place it in this cell."""
    return place.support > HALF_OF_DRAWS


def _between_thresholds(said: Place, in_part: Place | None, draws: PlaceDraws) -> bool:
    """Whether draws disagree only in whether an earlier place codes the answer or does so in part: then both places are said."""
    if in_part is None or in_part.cell == said.cell or not _agree(in_part):
        return False
    resampled = PlaceDraws(draws.cell[1:], draws.first[1:], draws.last[1:])
    either = resampled.of_cell(said.cell) | resampled.of_cell(in_part.cell)
    return float(either.mean()) >= NEARLY_ALL_DRAWS


def _why_not_placed(
    couples: Couples, undecided: Cell | None, shaky: Place | None, cells: Mapping[Cell, CellResult]
) -> WhyNotPlaced:
    if undecided is not None:
        return WhyNotPlaced(code="install-undecided", cell=undecided, effect=_effect(cells[undecided]).value)
    if shaky is not None:
        return WhyNotPlaced(code="draws-disagree", cell=shaky.cell, support=shaky.support)
    if not couples.testable:
        return WhyNotPlaced(code="role-untestable", couples=couples.telling, needed=FEWEST_COUPLES)
    return WhyNotPlaced(code="answer-not-coded", couples=couples.telling)


def _result(family: FamilyPairs, **fields: object) -> FamilyResult:
    return FamilyResult(
        kind=family.kind, pairs=len(family.pairs), entities=len(set(family.entities)),
        answers=len({pair.answer_id for pair in family.pairs}), offered=family.offered,
        answered_both=family.answered_both, contrast=family.contrast, span=family.span, **fields,  # type: ignore[arg-type]
    )  # fmt: skip
