"""Does one effect sit deeper than another? Order, equality or neither, never an order read off two points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float

from strata.experiments.statistics.depth import effect_depth, folded
from strata.experiments.statistics.equivalence import EQUIVALENCE_BOUND, equivalent
from strata.experiments.statistics.max_t import PERMUTATIONS
from strata.experiments.statistics.stretch import stretch
from strata.experiments.statistics.supra_threshold import NoiseFloor, noise_floor, supra_threshold_effect
from strata.probes.errors import StrataError
from strata.probes.statistics.bootstrap import DRAWS, MIN_CLUSTERS, multinomial_weights

Verdict = Literal["a-first", "b-first", "together", "undetermined"]
_CHUNK = 1_000


@dataclass(frozen=True)
class Difference:
    """How much deeper `b` sits than `a`."""

    difference: float
    """depth(b) − depth(a), each as `locate_profile` gives it."""
    low: float | None
    """Lower end of the 95 % interval; null with fewer than eight clusters on a side."""
    high: float | None
    """Upper end."""
    low90: float | None
    """Lower end of the 90 % interval, for equivalence."""
    high90: float | None
    """Upper end."""
    p: float
    """Two-sided, of labels that mean nothing."""
    verdict: Verdict
    """Ordered when the 95 % interval leaves out 0 and p ≤ .05; together when the 90 % interval lies inside ±.05."""
    n_clusters_a: int
    """Clusters of `a` with effects and controls at all blocks."""
    n_clusters_b: int
    """Clusters of `b`."""
    n_shared: int
    """Clusters that are in both."""
    method: str
    """How the interval and the p were made."""


def depth_difference(
    a: Float[np.ndarray, "cluster_a block"],
    a_controls: Mapping[str, Float[np.ndarray, "cluster_a block"]],
    b: Float[np.ndarray, "cluster_b block"],
    b_controls: Mapping[str, Float[np.ndarray, "cluster_b block"]],
    shared: Sequence[tuple[int, int]] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    sites: int = 1,
) -> Difference:
    """`D = depth(b) − depth(a)` with a bootstrap interval and a permutation p; `shared` pairs rows of `a` and `b` of one cluster.

    Interval: percentile, clusters resampled on each side, shared ones drawn together, the whole rule of `locate_profile` (means,
    largest control, choice of the counted blocks, `stretch`) redone in every draw. p: labels swapped within shared clusters, permuted
    between the others, effects and controls together, and the rule redone. What a block must reach is each side's observed
    standard error and critical value, in draws and permutations alike: a side of mixed labels has two kinds of clusters, its own
    spread would hide the blocks of both, and its depth would jump between them.
    The null hypothesis of p is that labels mean nothing; an order is claimed only if the interval, which needs no such
    assumption, says so too. `sites`: as in `locate_profile`.
    """
    left, right, pairs = _sides(a, a_controls, b, b_controls, shared)
    n_a, n_b = left.shape[1], right.shape[1]
    floors = [noise_floor(s[0], s[1:], permutations=permutations, seed=seed)[0] for s in (left, right)]
    means = [side.mean(1)[:, None] for side in (left, right)]
    difference = float(np.subtract(*[_depths(m, f, sites)[0] for m, f in zip(means[::-1], floors[::-1], strict=True)]))

    permuted = np.concatenate(list(_permuted(left, right, pairs, floors, permutations, seed, sites)))
    # A permutation without any mass has no depth; it counts against the finding.
    extreme = ~(np.abs(permuted) < abs(difference) - 1e-9)
    p = float((1 + extreme.sum()) / (permutations + 1))

    low = high = low90 = high90 = None
    if min(n_a, n_b) >= MIN_CLUSTERS:
        drawn = np.concatenate(list(_drawn(left, right, pairs, floors, draws, seed, sites)))
        if np.isfinite(drawn).any():
            low, high, low90, high90 = (float(v) for v in np.nanquantile(drawn, (0.025, 0.975, 0.05, 0.95)))
    return Difference(
        difference,
        low,
        high,
        low90,
        high90,
        p,
        verdict(low, high, low90, high90, p),
        n_a,
        n_b,
        len(pairs),
        f"cluster bootstrap, percentile, stretched for few clusters, {draws} draws; {permutations} permutations of the labels; "
        f"together inside ±{EQUIVALENCE_BOUND}"
        if low is not None
        else f"points only: fewer than {MIN_CLUSTERS} clusters",
    )


def verdict(low: float | None, high: float | None, low90: float | None, high90: float | None, p: float) -> Verdict:
    """The rule of `Difference.verdict`; without an interval nothing is claimed."""
    if low is not None and high is not None and p <= 0.05:
        if low > 0:
            return "a-first"
        if high < 0:
            return "b-first"
    return "together" if equivalent(low90, high90) else "undetermined"


def _sides(
    a: np.ndarray,
    a_controls: Mapping[str, np.ndarray],
    b: np.ndarray,
    b_controls: Mapping[str, np.ndarray],
    shared: Sequence[tuple[int, int]] | None,
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """(1 + control, cluster, block) of each side, clusters without a value excluded, and the pairs that remain."""
    if set(a_controls) != set(b_controls):
        raise StrataError(
            f"Controls {sorted(a_controls)} on one side, {sorted(b_controls)} on the other",
            "Hold both effects against the same controls",
        )
    sides, rows = [], []
    for effects, controls in ((a, a_controls), (b, b_controls)):
        names = sorted(controls)
        tables = [effects, *(controls[n] for n in names)] if names else [effects, np.zeros_like(effects, dtype=float)]
        side = np.stack([np.asarray(t, dtype=float) for t in tables])
        whole = np.isfinite(side).all(axis=(0, 2))
        if not whole.any():
            raise StrataError("No cluster has effects and controls at all blocks", "Loosen the filters")
        sides.append(side[:, whole])
        rows.append({int(old): new for new, old in enumerate(np.flatnonzero(whole))})
    if sides[0].shape[2] != sides[1].shape[2]:
        raise StrataError("The two effects have different numbers of blocks", "Compare effects within one model")
    pairs = [(rows[0][i], rows[1][j]) for i, j in shared or () if i in rows[0] and j in rows[1]]
    if len({i for i, _ in pairs}) < len(pairs) or len({j for _, j in pairs}) < len(pairs):
        raise StrataError("A cluster is paired twice", "Pair each cluster of one side with at most one of the other")
    return sides[0], sides[1], pairs


def _depths(means: Float[np.ndarray, "table draw block"], floor: NoiseFloor, sites: int) -> Float[np.ndarray, " draw"]:
    return effect_depth(folded(supra_threshold_effect(means[0], means[1:], floor), sites))


def _rest(n: int, taken: Sequence[int]) -> np.ndarray:
    return np.setdiff1d(np.arange(n), np.asarray(taken, dtype=int))


def _weighted(weights: np.ndarray, side: np.ndarray) -> Float[np.ndarray, "table draw block"]:
    """Sums of every table over clusters, in one product."""
    flat = torch.from_numpy(np.concatenate(list(side), axis=1))
    return np.stack(np.split((torch.from_numpy(weights) @ flat).numpy(), len(side), axis=1))


def _drawn(
    left: np.ndarray,
    right: np.ndarray,
    pairs: list[tuple[int, int]],
    floors: list[NoiseFloor],
    draws: int,
    seed: int,
    sites: int,
) -> Iterator[Float[np.ndarray, " draw"]]:
    """D in each draw: shared clusters drawn once for both sides, the others of each side among themselves."""
    in_a, in_b = [i for i, _ in pairs], [j for _, j in pairs]
    only_a, only_b = _rest(left.shape[1], in_a), _rest(right.shape[1], in_b)
    seeds = np.random.SeedSequence(seed).generate_state(3)
    strata = [
        multinomial_weights(n, draws, int(s))
        for n, s in zip((len(pairs), len(only_a), len(only_b)), seeds, strict=True)
        if n
    ]
    present = [bool(pairs), len(only_a) > 0, len(only_b) > 0]
    for chunk in zip(*strata, strict=True):
        each = iter(chunk)
        both, first, second = (next(each) if here else np.zeros((len(chunk[0]), 0)) for here in present)
        depths = []
        for side, floor, paired, own, weights in (
            (left, floors[0], in_a, only_a, first),
            (right, floors[1], in_b, only_b, second),
        ):
            table = np.zeros((len(chunk[0]), side.shape[1]))
            table[:, paired], table[:, own] = both, weights
            n, mean = side.shape[1], side.mean(1)[:, None]
            moved = (_weighted(table, side) / n - mean) * stretch(n)
            depths.append(_depths(mean + moved, floor, sites))
        yield depths[1] - depths[0]


def _permuted(
    left: np.ndarray,
    right: np.ndarray,
    pairs: list[tuple[int, int]],
    floors: list[NoiseFloor],
    permutations: int,
    seed: int,
    sites: int,
) -> Iterator[Float[np.ndarray, " draw"]]:
    """D under permuted labels; every cluster is on one side or the other, so one product gives both."""
    n_a, n_b = left.shape[1], right.shape[1]
    pooled = np.concatenate([left, right], axis=1)
    total = pooled.sum(1)[:, None]
    for of_a in _relabelled(n_a, n_b, pairs, permutations, seed):
        sums = _weighted(of_a.astype(float), pooled)
        yield _depths((total - sums) / n_b, floors[1], sites) - _depths(sums / n_a, floors[0], sites)


def _relabelled(
    n_a: int, n_b: int, pairs: list[tuple[int, int]], permutations: int, seed: int
) -> Iterator[Bool[np.ndarray, "draw cluster"]]:
    """Which rows of (a, then b) are called `a`: shared clusters swap or don't, the others' labels are permuted."""
    rng = np.random.default_rng(seed)
    in_a, in_b = [i for i, _ in pairs], [n_a + j for _, j in pairs]
    others = _rest(n_a + n_b, in_a + in_b)
    for start in range(0, permutations, _CHUNK):
        size = min(_CHUNK, permutations - start)
        of_a = np.zeros((size, n_a + n_b), dtype=bool)
        swap = rng.integers(0, 2, size=(size, len(pairs))).astype(bool)
        of_a[:, in_a], of_a[:, in_b] = ~swap, swap
        of_a[:, others] = rng.permuted(np.tile(others < n_a, (size, 1)), axis=1)
        yield of_a
