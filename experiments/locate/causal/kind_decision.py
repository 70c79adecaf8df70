"""What the families of a kind say together, beside those of its matched control."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from strata.experiments.locate.causal.cell_evidence import LEAST_EFFECT
from strata.experiments.locate.causal.family_decision import FamilyAnalysis
from strata.experiments.results.families import Handover, Place
from strata.experiments.results.kinds import CellOfKind, KindLocalisation, Located, SharedWithControl
from strata.experiments.results.reasons import WhyNotLocated
from strata.experiments.results.record import Measured
from strata.experiments.statistics.answer_coding import CODES
from strata.experiments.statistics.family_samples import FAMILIES_AS_UNITS, Sampled, difference, mean_of_families
from strata.experiments.statistics.loci import widest_as_blocks
from strata.experiments.statistics.place_mixtures import Mixture
from strata.experiments.statistics.places import PlaceDraws
from strata.probes.interventions.cells import CELLS, Cell

AGREEING = 2 / 3
"""Share of the families whose role can be tested that have to be placed in one cell."""
_SAMPLE = 10_000
Families = Sequence[FamilyAnalysis]


def analyse_kind(answered: Families, controls: Families, n_layers: int, *, asked: bool, seed: int) -> KindLocalisation:
    """`answered`: the kind's families that are answered above chance; `controls`: those of its matched control."""
    testable = [family for family in answered if family.testable]
    placed = [family for family in testable if family.result.place is not None]
    located = None
    why = _why_not(answered, testable, placed, asked)
    if why is None:
        located = _located(testable, placed, controls, n_layers, seed)
    return KindLocalisation(
        families=len(answered), testable=len(testable), placed=len(placed),
        cells={cell: _cell(cell, answered, controls, n_layers, seed) for cell in CELLS},
        located=located, why_not_located=why, handover=_handover(answered),
    )  # fmt: skip


def _why_not(answered: Families, testable: Families, placed: Families, asked: bool) -> WhyNotLocated | None:
    needed = max(1, math.ceil(AGREEING * len(testable) - 1e-9))
    if not asked:
        return WhyNotLocated(code="not-asked")
    if not answered:
        return WhyNotLocated(code="no-family-answered")
    if not testable:
        measured = any(family.result.cells for family in answered)
        return WhyNotLocated(code="no-role-testable" if measured else "too-few-pairs", families=len(answered))
    if len(placed) < needed:
        return WhyNotLocated(code="too-few-placed", families=len(testable), placed=len(placed), needed=needed)
    if len(agreeing(placed)) < needed:
        return WhyNotLocated(
            code="families-disagree", families=len(testable), placed=len(agreeing(placed)), needed=needed
        )
    return None


def agreeing(placed: Families) -> list[FamilyAnalysis]:
    """Families placed in the cell in which most are."""
    counts = Counter(place_of(family).cell for family in placed)
    if not counts:
        return []
    cell = max(CELLS, key=lambda cell: counts[cell])
    return [family for family in placed if place_of(family).cell == cell]


def place_of(family: FamilyAnalysis) -> Place:
    assert family.result.place is not None
    return family.result.place


def mixture_of(placed: Families, threshold: float, cell: Cell | None = None) -> Mixture:
    """The places of families over their draws; `cell`: only draws in which the answer is made there."""
    members: list[PlaceDraws] = []
    for family in placed:
        draws = family.draws[threshold]
        if cell is not None:
            keep = draws.of_cell(cell)
            draws = PlaceDraws(draws.cell[keep], draws.first[keep], draws.last[keep])
        if (draws.cell >= 0).any():
            members.append(draws)
    return Mixture(tuple(members))


def _located(testable: Families, placed: Families, controls: Families, n_layers: int, seed: int) -> Located:
    members = sorted(agreeing(placed), key=lambda family: place_of(family).depth)
    median = place_of(members[(len(members) - 1) // 2])
    cell = median.cell
    mixture = mixture_of(members, CODES, cell)
    low, high = median.interval
    if mixture.families:
        sample = mixture.sample(_SAMPLE, np.random.default_rng(seed))
        low = int(np.quantile(sample[:, 1], 0.025, method="lower"))
        high = int(np.quantile(sample[:, 2], 0.975, method="higher"))
    gained, beside, excess = _gained(cell, (median.first, median.last), members, controls, seed)
    layer = (median.first + median.last) // 2
    return Located(
        layer=layer, depth=(layer + 0.5) / n_layers, interval=(low, high), first=median.first, last=median.last, cell=cell,
        extent="blocks" if high - low + 1 <= widest_as_blocks(n_layers) else "spread",
        families=len(members), of=len(testable), general=len(testable) >= FAMILIES_AS_UNITS,
        gained=as_measured(gained), control_gained=as_measured(beside), excess=as_measured(excess),
        shared_with_control=None if beside is None or excess is None else _shared(beside, excess),
    )  # fmt: skip


def _shared(control: Sampled, excess: Sampled) -> SharedWithControl:
    """Whether the control passes through the same blocks."""
    if control.interval()[0] >= LEAST_EFFECT:
        return "shared"
    return "less" if excess.interval()[0] > 0 else "open"


def _gained(
    cell: Cell, blocks: tuple[int, int], members: Families, controls: Families, seed: int
) -> tuple[Sampled | None, Sampled | None, Sampled | None]:
    """Effect gained in some blocks of a cell: by the families, by their controls, and the difference."""
    inside = slice(blocks[0], blocks[1] + 1)
    sides: list[Sampled | None] = []
    for shift, group in enumerate((members, controls)):
        tables = [family.gained[cell][:, inside].sum(axis=1) for family in group if cell in family.gained]
        sides.append(mean_of_families(tables, seed=seed + shift) if tables else None)
    kind, control = sides
    return kind, control, difference(kind, control) if kind is not None and control is not None else None


def _cell(cell: Cell, answered: Families, controls: Families, n_layers: int, seed: int) -> CellOfKind:
    kind, control, excess = _gained(cell, (0, n_layers - 1), answered, controls, seed)
    return CellOfKind(
        effect=as_measured(kind), control=as_measured(control), excess=as_measured(excess),
        excess_p=None if excess is None else excess.two_sided_p,
        profile=_profile(cell, answered), control_profile=_profile(cell, controls),
    )  # fmt: skip


def _profile(cell: Cell, families: Families) -> tuple[float, ...]:
    rows: list[Float[np.ndarray, " block"]] = [family.gained[cell][0] for family in families if cell in family.gained]
    return tuple(float(gain) for gain in np.mean(rows, axis=0)) if rows else ()


def _handover(answered: Families) -> Handover | None:
    found = [family.result.handover for family in answered if family.result.handover is not None]
    if not found:
        return None
    return Handover(
        first=int(np.median([handover.first for handover in found])),
        last=int(np.median([handover.last for handover in found])),
    )


def as_measured(sampled: Sampled | None) -> Measured | None:
    return None if sampled is None else Measured(value=sampled.value, interval=sampled.interval())
