"""How small a share of the answer is still seen? Models in which two distant blocks of a cell write shares of every answer.

The lower block writes the share that is asked about, the upper one the rest. The share is seen where the place that is
said reaches down to the lower block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from strata.experiments.calibrate.construction import Construction, FamilyPlan
from strata.experiments.calibrate.score import ConstructionScore
from strata.experiments.calibrate.shares import share
from strata.experiments.calibrate.similar_families import KNOWLEDGE, REASONING
from strata.experiments.calibrate.truth import Truth
from strata.experiments.results.calibration import EffectPower, SeenShare

EFFECTS = (0.1, 0.2, 0.3, 0.4, 0.5)
EFFECT_PAIRS = 24
PAIRS_ASKED_OF = 0.3
"""Share of which every number of pairs is asked."""
SEEDS = 3
_NOISE = 0.25
_SURELY = 0.8
"""Of the families: a share that is seen as often counts as found."""


def shared_effects(effects: Sequence[float] = EFFECTS, seeds: int = SEEDS) -> tuple[Construction, ...]:
    """MLPs at the span and at the last position in one model, attention at both in another; every share and seed."""
    return tuple(
        Construction(
            f"{cells} share {effect:g} of seed {seed}", "effects", 14, families(effect), "gpt2" if seed % 2 else "llama",
            seed=1_000 * seed + round(100 * effect), noise=_NOISE,
        )
        for cells, families in (("MLPs", _by_mlps), ("attention", _by_attention))
        for effect in effects
        for seed in range(seeds)
    )  # fmt: skip


def asked_by_pairs(construction: Construction) -> bool:
    """Whether it is asked how many pairs are needed to see this share."""
    return construction.families[0].sizes[0] == PAIRS_ASKED_OF


def effect_records(scored: Sequence[tuple[Truth, ConstructionScore, int]]) -> tuple[EffectPower, ...]:
    """By cell and number of pairs, of the models of `shared_effects`: truth, score, pairs."""
    return tuple(_records(sorted(_seen(scored))))


def _by_mlps(effect: float) -> tuple[FamilyPlan, ...]:
    sizes = (effect, 1 - effect)
    facts = tuple(FamilyPlan(name, "knowledge", "subject", (3, 7), 9, sizes) for name in KNOWLEDGE[:3])
    return facts + tuple(FamilyPlan(name, "reasoning", "last", (5, 10), 2, sizes) for name in REASONING[:3])


def _by_attention(effect: float) -> tuple[FamilyPlan, ...]:
    sizes = (effect, 1 - effect)
    gathered = tuple(FamilyPlan(name, "knowledge", "subject attention", (3, 7), 9, sizes) for name in KNOWLEDGE[:2])
    return gathered + tuple(FamilyPlan(name, "knowledge", "last attention", (4, 9), 4, sizes) for name in KNOWLEDGE[2:])


def _seen(scored: Sequence[tuple[Truth, ConstructionScore, int]]) -> Iterator[tuple[str, int, float, str, bool]]:
    """(cell, pairs, share, model, whether the share is seen) of every family."""
    for truth, scores, pairs in scored:
        for family in scores.families:
            sizes = truth.families[family.family].sizes
            if truth.half == "effects" and sizes:
                yield family.cell, pairs, sizes[0], truth.name, family.verdict == "right"


def _records(seen: Sequence[tuple[str, int, float, str, bool]]) -> Iterator[EffectPower]:
    for (cell, pairs), of_cell in groupby(seen, key=lambda one: one[:2]):
        shares = []
        for effect, of_effect in groupby(of_cell, key=lambda one: one[2]):
            by_model: dict[str, list[bool]] = {}
            for *_, model, found in of_effect:
                by_model.setdefault(model, []).append(found)
            seen_share = share([(sum(found), len(found)) for found in by_model.values()])
            shares.append(SeenShare(effect=effect, seen=seen_share))
        yield EffectPower(cell=cell, pairs=pairs, shares=tuple(shares), smallest=_smallest(shares))


def _smallest(shares: Sequence[SeenShare]) -> float | None:
    """The smallest share from which on all are surely seen."""
    smallest = None
    for one in reversed(shares):
        if one.seen.value < _SURELY:
            break
        smallest = one.effect
    return smallest
