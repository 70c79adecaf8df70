"""How often does the interval of a place reach its true ends when entities differ? Simulated families, no models.

Planted models are too clean for this question: their intervals always hold the true ends. Here every entity gains its own
shares at the blocks, entities have unequal numbers of pairs, and pairs are noisy on top. Then everything is done as with
measured families: the whole rule at 12, 18, 24 and 48 pairs, until the place is narrow. The true place is what the same rule
says of the expected effects of infinitely many entities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from strata.experiments.calibrate.pair_subsets import subset_of
from strata.experiments.locate.causal.family_decision import FamilyAnalysis, FamilyPairs, analyse
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, WindowShifts
from strata.experiments.locate.causal.localisation import PLACE_DRAWS
from strata.experiments.locate.causal.measure_family import LOOKS, QUICK_DRAWS, settled
from strata.experiments.results.calibration import CoverageTally
from strata.experiments.statistics.answer_coding import CODES, normalised
from strata.experiments.statistics.places import CellEvidence, place_draws
from strata.experiments.statistics.window_effects import Window, WindowEffects
from strata.probes.interventions.cells import Cell
from strata.probes.interventions.minimal_pairs import Pair
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt


@dataclass(frozen=True)
class Noise:
    """How far entities and pairs lie from what is expected."""

    concentration: float
    """Of the entities' shares of the blocks about their mean (Dirichlet)."""
    of_whole: float
    """Standard deviation over entities of the whole cell's effect."""
    of_pair: float
    """Standard deviation of a pair's gain at a block, in units of its whole difference."""


NOISES = MappingProxyType(
    {"small": Noise(40.0, 0.1, 0.02), "middle": Noise(6.0, 0.25, 0.1), "large": Noise(1.0, 0.4, 0.25)}
)
_CELL: Cell = "enrich"
_DEPTHS = (8, 12, 16)
_START = 1
_WIDEST = 5
_ELSEWHERE = 0.12
"""Share of the effect that is spread over all blocks."""
_WHOLE = 0.85
_DIFFERENCE, _DIFFERENCE_DEVIATION = 6.0, 0.3
"""Median of clean − counterfactual in logits, and its logarithm's standard deviation."""
_ENTITIES, _MOST_PAIRS_AN_ENTITY, _ANSWERS, _FEATURES, _OWN_CODE = 24, 4, 6, 32, 0.6


@dataclass(frozen=True)
class Profile:
    """What is true of a simulated family."""

    n_layers: int
    shares: Float[np.ndarray, " block"]
    """Expected share of the whole effect by block; sums to 1."""
    prepares: int | None
    """Block below that encodes the input anew: edited alone it does all that the cell does, and codes no answer."""

    @property
    def windows(self) -> tuple[Window, ...]:
        last = self.n_layers
        return tuple((start, end) for start in range(_START, last) for end in range(start, last))

    @property
    def place(self) -> tuple[int, int]:
        """First and last block that the rule gives of expected effects, where coding is known."""
        gained = summed(self.shares[None], self.windows)
        prepared = self.prepared
        effects = np.where(prepared, 1.0, gained)
        one = WindowEffects(self.n_layers, self.windows, effects, effects, np.ones(1), np.zeros(1, dtype=int))
        slopes = np.where(prepared & (gained < 0.5), 0.0, 1.0)
        place = place_draws([CellEvidence(_CELL, one, effects, slopes, np.zeros(len(self.windows)))], CODES)
        return int(place.first[0]), int(place.last[0])

    @property
    def prepared(self) -> np.ndarray:
        """Windows that hold the block that prepares."""
        return np.array([self.prepares is not None and a <= self.prepares <= b for a, b in self.windows])


@dataclass(frozen=True)
class End:
    """The first or the last block of a place."""

    held: bool
    """Whether the interval reaches the true one."""
    uncertain: bool


@dataclass(frozen=True)
class SimulatedFamily:
    """One family after the last look at it."""

    noise: str
    true: tuple[int, int]
    said: tuple[int, int] | None
    interval: tuple[int, int] | None
    pairs: int
    looks: int

    @property
    def ends(self) -> tuple[End, ...]:
        """Both ends of the place; none without one."""
        if self.said is None or self.interval is None:
            return ()
        (first, last), (low, high) = self.true, self.interval
        return (
            End(low <= first, self.said[0] != first or low != self.said[0]),
            End(last <= high, self.said[1] != last or high != self.said[1]),
        )


def simulated_coverage(
    families: int, *, draws: int = PLACE_DRAWS, seed: int = 0, progress: Progress = silent
) -> dict[str, CoverageTally]:
    """`families` simulated families of every size of noise, and all together under `all`."""
    simulated: list[SimulatedFamily] = []
    for number in range(families):
        for index, noise in enumerate(NOISES):
            rng = np.random.default_rng([seed, number, index])
            simulated.append(simulate(noise, rng, draws=draws))
        progress("simulating", number + 1, families, "families")
    tallies = {noise: tally([family for family in simulated if family.noise == noise]) for noise in NOISES}
    return tallies | {"all": tally(simulated)}


def tally(families: Sequence[SimulatedFamily]) -> CoverageTally:
    ends = [end for family in families for end in family.ends]
    uncertain = [end for end in ends if end.uncertain]
    widths = [family.interval[1] - family.interval[0] + 1 for family in families if family.interval is not None]
    return CoverageTally(
        len(families), len(widths), sum(end.held for end in ends), len(uncertain), sum(end.held for end in uncertain),
        sum(all(end.held for end in family.ends) for family in families if family.ends),
        float(np.mean(widths)) if widths else None, float(np.mean([family.pairs for family in families])),
    )  # fmt: skip


def simulate(noise: str, rng: np.random.Generator, *, draws: int) -> SimulatedFamily:
    """Draws a family, looks at it as often as its place asks for, and analyses what it has by then."""
    profile = drawn_profile(rng)
    family, measured = drawn_family(profile, NOISES[noise], rng)
    result = _after_looks(family, measured, draws).result
    place = result.place
    said, interval = (None, None) if place is None else ((place.first, place.last), place.interval)
    return SimulatedFamily(noise, profile.place, said, interval, result.pairs, result.looks)


def drawn_profile(rng: np.random.Generator) -> Profile:
    """One to five neighbouring blocks of unequal shares, a little at all others, and sometimes a block that prepares."""
    n_layers = int(rng.choice(_DEPTHS))
    width = int(rng.integers(1, _WIDEST + 1))
    first = int(rng.integers(_START + 1, n_layers - width + 1))
    shares = np.zeros(n_layers)
    shares[_START:] = _ELSEWHERE / (n_layers - _START)
    shares[first : first + width] += (1 - _ELSEWHERE) * rng.dirichlet(np.full(width, 1.5))
    prepares = int(rng.integers(_START, first)) if rng.random() < 0.5 else None
    return Profile(n_layers, shares, prepares)


def drawn_family(profile: Profile, noise: Noise, rng: np.random.Generator) -> tuple[FamilyPairs, FamilyMeasurements]:
    """As many pairs as the last look has, entities in turn, each with one to four pairs; all windows are measured."""
    entities = _entities_in_turn(rng)[: LOOKS[-1]]
    n, of_pair = len(entities), np.array(entities)
    answer_of = rng.integers(_ANSWERS, size=_ENTITIES)
    others = np.array([rng.choice(np.flatnonzero(answer_of != answer_of[entity])) for entity in entities])
    own_shares = np.zeros((_ENTITIES, profile.n_layers))
    own_shares[:, _START:] = rng.dirichlet(noise.concentration * profile.shares[_START:], size=_ENTITIES)
    whole = np.clip(rng.normal(_WHOLE, noise.of_whole, size=_ENTITIES), 0.3, 1.3)[of_pair, None]
    scale = np.exp(rng.normal(0, _DIFFERENCE_DEVIATION, size=_ENTITIES))[of_pair]
    difference = _DIFFERENCE * scale * np.exp(rng.normal(0, _DIFFERENCE_DEVIATION / 2, size=n))
    gained = np.where(profile.prepared, 1.0, summed(own_shares[of_pair], profile.windows))
    shifts = {}
    for way in ("denoise", "noise"):
        of_pairs = summed(rng.normal(0, noise.of_pair, size=(n, profile.n_layers)), profile.windows)
        shifts[way] = difference[:, None] * (whole * gained + of_pairs)
    codes, embedded = (normalised(rng.normal(size=(size, _FEATURES))) for size in (_ANSWERS, _ENTITIES))
    measured = FamilyMeasurements(
        profile.n_layers, [f"p{row}" for row in range(n)], difference / 2, -difference / 2, np.full(n, np.nan)
    )
    measured.effects[_CELL] = WindowShifts(list(profile.windows), shifts)
    added = own_shares[of_pair, :, None] * (codes[answer_of[of_pair]] - codes[answer_of[others]])[:, None]
    added += rng.normal(0, _OWN_CODE / (_FEATURES * profile.n_layers) ** 0.5, size=added.shape)
    replaced = embedded[of_pair] - embedded[others]
    if profile.prepares is not None:
        added[:, profile.prepares] += replaced
    measured.cosines[_CELL] = _cosines(added, profile.windows)
    unit = normalised(replaced)
    measured.inputs = unit @ unit.T
    pairs = tuple(
        _pair(row, entity, int(other), int(answer_of[entity]), int(answer_of[other]))
        for row, (entity, other) in enumerate(zip(entities, others, strict=True))
    )
    inputs = tuple(frozenset({(entity,), (int(other),)}) for entity, other in zip(entities, others, strict=True))
    names = tuple(f"entity {entity}" for entity in entities)
    return FamilyPairs("simulated", "knowledge", pairs, names, inputs, "subject", True, n, 1.0), measured


def summed(values: Float[np.ndarray, "pair block"], windows: Sequence[Window]) -> Float[np.ndarray, "pair window"]:
    """Sum over the blocks of every window."""
    total = np.concatenate([np.zeros_like(values[:, :1]), values.cumsum(axis=1)], axis=1)
    first, last = np.array(windows).T
    difference: np.ndarray = total[:, last + 1] - total[:, first]
    return difference


def _entities_in_turn(rng: np.random.Generator) -> list[int]:
    """Every entity once, then those that have a second pair, and so on, as pairs of items are chosen."""
    left = rng.integers(1, _MOST_PAIRS_AN_ENTITY + 1, size=_ENTITIES)
    return [
        int(entity) for turn in range(_MOST_PAIRS_AN_ENTITY) for entity in rng.permutation(np.flatnonzero(left > turn))
    ]


def _cosines(
    added: Float[np.ndarray, "pair block feature"], windows: Sequence[Window]
) -> Float[np.ndarray, "window pair pair"]:
    total = np.concatenate([np.zeros_like(added[:, :1]), added.cumsum(axis=1)], axis=1)
    unit = [normalised(total[:, last + 1] - total[:, first]) for first, last in windows]
    return np.stack([of_window @ of_window.T for of_window in unit])


def _pair(row: int, entity: int, other: int, answer: int, foil: int) -> Pair:
    positions = {"subject": 0, "last": 1}
    last = 2 * _ENTITIES
    clean, foil_prompt = (Prompt(f"p{row}", (replaced, last), positions) for replaced in (entity, other))
    return Pair(f"p{row}", clean, foil_prompt, answer, foil, "simulated")


def _after_looks(family: FamilyPairs, measured: FamilyMeasurements, draws: int) -> FamilyAnalysis:
    n = len(family.pairs)
    for size in [size for size in LOOKS if size < n]:
        first = subset_of(family, measured, range(size))
        if settled(analyse(*first, draws=min(draws, QUICK_DRAWS), seed=0)):
            return analyse(*first, draws=draws, seed=0)
    return analyse(*subset_of(family, measured, range(n)), draws=draws, seed=0)
