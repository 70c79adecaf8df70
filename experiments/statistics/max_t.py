"""Does any block differ from nothing, given that we looked at all of them? Max-T permutation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float

from strata.probes.errors import StrataError

PERMUTATIONS = 10_000
_CHUNK = 1_000
_ROUNDING = 1e-9
"""A permutation that is the data again, summed in another order, must count as equal."""

Alternative = Literal["two-sided", "greater"]


@dataclass(frozen=True)
class MaxT:
    """Family-wise test of all blocks at once."""

    t: Float[np.ndarray, " block"]
    """Mean over clusters divided by its standard error; ±inf where clusters agree exactly, 0 where all are 0."""
    p_by_block: Float[np.ndarray, " block"]
    """`(1 + #{max_b' T* ≥ T_b})/(B + 1)`: already corrected for the number of blocks."""
    p: float
    """The smallest of them: of there being no block at all."""
    draws: int
    """B, the permutations taken besides the data as they are."""
    enumerated: bool
    """Whether these were all there are."""
    n_clusters: int
    """Clusters behind the test, of both groups together."""
    maxima: Float[np.ndarray, " draw"]
    """Largest T of each permutation, ascending: the null distribution."""

    def critical(self, alpha: float) -> float:
        """`T_b` above this is the same as `p_b ≤ alpha`; inf when there are too few permutations for such a p."""
        spared = int(np.floor(alpha * (self.draws + 1) * (1 + _ROUNDING))) - 1
        if spared < 0:
            return float("inf")
        return float(self.maxima[-1 - spared]) if spared < self.draws else float("-inf")


def max_t_sign_flip(
    values: Float[np.ndarray, "cluster block"],
    *,
    draws: int = PERMUTATIONS,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> MaxT:
    """Is the mean over clusters different from 0 (or above it) at some block? One sign per cluster, the same at all blocks.

    `T_b = mean/SE` over clusters, recomputed with its SE in every flip, and the maximum over blocks taken anew, so the choice
    of the best block is inside the p-value (Westfall and Young 1993). All 2^G sign patterns are taken when they
    are fewer than `draws`; the smallest p is then 1/2^G, two-sided 2/2^G. Values of a paired contrast are differences.
    """
    values = _table(values)
    n_clusters = len(values)
    squares = (values**2).sum(0)
    enumerated = 2**n_clusters < draws
    signs = _all_signs(n_clusters) if enumerated else _random_signs(n_clusters, draws, seed)
    table = torch.from_numpy(values)

    def statistics() -> Iterator[np.ndarray]:
        for chunk in signs:
            yield _one_group_t((torch.from_numpy(chunk) @ table).numpy(), squares, n_clusters)

    return _max_t(_one_group_t(values.sum(0), squares, n_clusters), statistics(), alternative, enumerated, n_clusters)


def random_labels(n_a: int, n_b: int, draws: int, seed: int) -> Iterator[Bool[np.ndarray, "draw cluster"]]:
    """Which of `n_a + n_b` clusters are labelled `a`, always `n_a` of them, in blocks of draws."""
    rng = np.random.default_rng(seed)
    base = np.arange(n_a + n_b) < n_a
    for start in range(0, draws, _CHUNK):
        yield rng.permuted(np.tile(base, (min(_CHUNK, draws - start), 1)), axis=1)


def _max_t(
    observed: np.ndarray, permuted: Iterable[np.ndarray], alternative: Alternative, enumerated: bool, n_clusters: int
) -> MaxT:
    two_sided = alternative == "two-sided"
    maxima = np.sort(np.concatenate([(np.abs(t) if two_sided else t).max(-1) for t in permuted]))
    size = np.abs(observed) if two_sided else observed
    at_least = size * (1 - _ROUNDING * np.sign(size))
    reached = len(maxima) - np.searchsorted(maxima, at_least, side="left")
    p = (1 + reached) / (len(maxima) + 1)
    return MaxT(observed, p, float(p.min()), len(maxima), enumerated, n_clusters, maxima)


def _one_group_t(sums: np.ndarray, squares: np.ndarray, n: int) -> np.ndarray:
    """Sums of squares don't change under sign flips, so a flip costs one matrix product."""
    return ratio_t(sums / n, _variance(sums, squares, n) / n)


def _variance(sums: np.ndarray, squares: np.ndarray, n: int) -> np.ndarray:
    """From sums and sums of squares; what is within rounding of 0 is 0."""
    spread = squares - sums**2 / n
    return np.where(spread > 1e-12 * squares, spread, 0.0) / (n - 1)


def ratio_t(mean: np.ndarray, squared_error: np.ndarray) -> np.ndarray:
    """mean / √squared_error; ±inf for a sure difference, 0 for none at all."""
    with np.errstate(invalid="ignore", divide="ignore"):
        t = mean / np.sqrt(squared_error)
    return np.where(np.isnan(t), 0.0, t)


def _all_signs(n_clusters: int) -> Iterator[np.ndarray]:
    """Every pattern but the data as they are, which the 1 in (1 + #)/(B + 1) stands for."""
    for start in range(1, 2**n_clusters, _CHUNK):
        pattern = np.arange(start, min(start + _CHUNK, 2**n_clusters))
        yield 1.0 - 2.0 * (pattern[:, None] >> np.arange(n_clusters) & 1)


def _random_signs(n_clusters: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _CHUNK):
        yield 2.0 * rng.integers(0, 2, size=(min(_CHUNK, draws - start), n_clusters)) - 1.0


def _table(values: np.ndarray) -> Float[np.ndarray, "cluster block"]:
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 2:
        raise StrataError(f"{len(values)} clusters carry values at all blocks", "A test needs two or more")
    return values
