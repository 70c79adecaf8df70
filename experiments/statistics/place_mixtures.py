"""Places of several families as one mixture: where a kind lies, and which of two kinds comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from jaxtyping import Float, Int

from strata.experiments.statistics.few_cluster_correction import stretch
from strata.experiments.statistics.places import PlaceDraws
from strata.probes.interventions.cells import CELLS, component_of

SURE = 0.95
FAMILIES_TO_PERMUTE = 4
"""Families a kind from which on their labels are permuted."""
_MOST_LABELLINGS = 5_000
_SAMPLE = 20_000
_IS_MLP = np.array([component_of(cell) != "attn_out" for cell in CELLS])


@dataclass(frozen=True)
class Mixture:
    """Families' places, every family as often as every other one."""

    families: tuple[PlaceDraws, ...]

    def sample(self, n: int, rng: np.random.Generator) -> Int[np.ndarray, "sample three"]:
        """Cell (index into `CELLS`), first and last block; draws in which a family has no place are passed over."""
        rows = []
        for family in self.families:
            there = np.flatnonzero(family.cell >= 0)
            picked = rng.choice(there, size=-(-n // len(self.families)))
            rows.append(np.stack([family.cell[picked], family.first[picked], family.last[picked]], axis=1))
        return rng.permutation(np.concatenate(rows))[:n]


def probability_below(one: Mixture, other: Mixture, *, seed: int) -> float:
    """Chance that a block that makes the answers of `one` comes before one of `other`'s: attention before the MLP of a block."""
    rng = np.random.default_rng(seed)
    turn = [_turns(mixture.sample(_SAMPLE, rng), rng) for mixture in (one, other)]
    return float((turn[0] < turn[1]).mean() + (turn[0] == turn[1]).mean() / 2)


def _turns(places: Int[np.ndarray, "sample three"], rng: np.random.Generator) -> Float[np.ndarray, " sample"]:
    cell, first, last = places.T
    block = first + np.floor(rng.random(len(places)) * (last - first + 1))
    turns: np.ndarray = block + 0.5 * _IS_MLP[cell]
    return turns


def drawn_depths(mixture: Mixture, n_layers: int, n: int, *, seed: int, resample: bool) -> Float[np.ndarray, " draw"]:
    """Mean depth of the families' places; `resample`: families too, not only their clusters, widened since they are few."""
    rng = np.random.default_rng(seed)
    by_family = []
    for family in mixture.families:
        there = np.flatnonzero(family.cell >= 0)
        picked = rng.choice(there, size=n)
        by_family.append(((family.first[picked] + family.last[picked]) / 2 + 0.5) / n_layers)
    table = np.stack(by_family)
    if not resample or len(table) == 1:
        means: np.ndarray = table.mean(axis=0)
        return means
    chosen = rng.integers(0, len(table), size=(n, len(table)))
    middle = table.mean()
    resampled: np.ndarray = table[chosen, np.arange(n)[:, None]].mean(axis=1)
    return middle + stretch(len(table)) * (resampled - middle)


def labels_permuted_p(one: Sequence[float], other: Sequence[float], *, seed: int) -> float | None:
    """p of a difference of mean depths as large when kinds are dealt out to families anew; None with too few families."""
    if min(len(one), len(other)) < FAMILIES_TO_PERMUTE:
        return None
    pooled = np.array([*one, *other])
    observed = abs(np.mean(one) - np.mean(other))
    if comb(len(pooled), len(one)) <= _MOST_LABELLINGS:
        labellings = np.array(list(combinations(range(len(pooled)), len(one))))
        return float((_differences(pooled, labellings) >= observed - 1e-12).mean())
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.permutation(len(pooled))[: len(one)] for _ in range(_MOST_LABELLINGS)])
    reached = int((_differences(pooled, drawn) >= observed - 1e-12).sum())
    return (1 + reached) / (_MOST_LABELLINGS + 1)


def _differences(pooled: Float[np.ndarray, " family"], of_one: Int[np.ndarray, "labelling family"]) -> np.ndarray:
    sums = pooled[of_one].sum(axis=1)
    n_one = of_one.shape[1]
    return np.abs(sums / n_one - (pooled.sum() - sums) / (len(pooled) - n_one))
