"""Does what a window adds code the answer? Representational similarity of differences against the answers' agreement.

Each pair's difference clean − counterfactual of a window's contribution, normalised, is compared with that of every other
pair whose inputs are different ones. If the window adds the answer, the cosine of two such differences is that of their
answers: 1 for the same answer and foil, −1 for exchanged ones, ½ for one in common. The slope of the cosine on this agreement
is 1 for a window that adds the answer and nothing else, 0 for one that adds what the answer can't be told from. How alike
the inputs are (their embeddings' differences) is a covariate. Representational similarity analysis: Kriegeskorte 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

CODES = 0.1
"""Slope from which on a window codes the answer."""
IN_PART = 0.05
"""Slope below which it doesn't."""
LEVEL = 0.01
"""p above which it doesn't."""
FEWEST_COUPLES = 6
"""Couples with an answer in common, or crossed, that the question needs."""
_HELD_NUMBERS = 4_000_000
"""Agreements of permuted answers that lie in memory at once."""


@dataclass(frozen=True)
class Couples:
    """Couples of pairs with different inputs, as the regression sees them."""

    left: np.ndarray
    right: np.ndarray
    """Indices of the two pairs of each couple."""
    agreement: Float[np.ndarray, "pair pair"]
    """Of the answers, for every two pairs."""
    inputs: Float[np.ndarray, " couple"]
    """Cosine of the differences of the inputs' embeddings."""

    @property
    def telling(self) -> int:
        """Couples whose answers have something in common."""
        return int(np.count_nonzero(self.agreement[self.left, self.right]))

    @property
    def testable(self) -> bool:
        values = self.agreement[self.left, self.right]
        return self.telling >= FEWEST_COUPLES and len(np.unique(values)) > 1


def couples_of(
    answers: Sequence[tuple[object, object]],
    inputs: Sequence[frozenset[Any]],
    input_cosines: Float[np.ndarray, "pair pair"],
) -> Couples:
    """`answers`: answer and foil of each pair; `inputs`: what stands in the replaced place of its two prompts; `input_cosines`: of
    the differences of their embeddings."""
    n = len(answers)
    agreement = np.array([[answer_agreement(one, other) for other in answers] for one in answers]).reshape(n, n)
    couples = [(i, j) for i in range(n) for j in range(i + 1, n) if not inputs[i] & inputs[j]]
    left, right = np.array(couples, dtype=int).reshape(-1, 2).T
    return Couples(left, right, agreement, input_cosines[left, right])


def answer_agreement(one: tuple[object, object], other: tuple[object, object]) -> float:
    """Cosine of two differences answer − foil, every answer a direction of its own."""
    (answer, foil), (answer_too, foil_too) = one, other
    return ((answer == answer_too) + (foil == foil_too) - (answer == foil_too) - (foil == answer_too)) / 2


def normalised(vectors: Float[np.ndarray, "... feature"]) -> Float[np.ndarray, "... feature"]:
    """Unit vectors; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: np.ndarray = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def slopes(
    similarity: Float[np.ndarray, "window couple"],
    couples: Couples,
    weights: Float[np.ndarray, "draw pair"] | None = None,
) -> Float[np.ndarray, "draw window"]:
    """Slope of the cosine on the answers' agreement, the inputs' likeness held fixed. `weights`: how often each pair was drawn."""
    if weights is None:
        weights = np.ones((1, len(couples.agreement)))
    of_couple = weights[:, couples.left] * weights[:, couples.right]
    agreement = couples.agreement[couples.left, couples.right]
    return _partial_slopes(similarity, agreement[None], couples.inputs, of_couple)


def permutation_p(
    similarity: Float[np.ndarray, "window couple"], couples: Couples, *, permutations: int, seed: int
) -> Float[np.ndarray, " window"]:
    """p of each window's slope when answers are permuted among the pairs; one-sided."""
    observed = slopes(similarity, couples)[0]
    rng = np.random.default_rng(seed)
    orders = np.stack([rng.permutation(len(couples.agreement)) for _ in range(permutations)])
    reached = np.zeros(len(similarity))
    ones = np.ones((1, len(couples.left)))
    for some in np.array_split(orders, max(1, len(couples.left) * permutations // _HELD_NUMBERS)):
        agreement = couples.agreement[some[:, couples.left], some[:, couples.right]]
        reached += (_partial_slopes(similarity, agreement, couples.inputs, ones) >= observed - 1e-12).sum(axis=0)
    p: np.ndarray = (1 + reached) / (permutations + 1)
    return p


def _partial_slopes(
    similarity: Float[np.ndarray, "window couple"],
    agreement: Float[np.ndarray, "#draw couple"],
    inputs: Float[np.ndarray, " couple"],
    weights: Float[np.ndarray, "#draw couple"],
) -> Float[np.ndarray, "draw window"]:
    total = weights.sum(axis=1)
    weighted = weights * agreement
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_a, mean_x = weighted.sum(axis=1) / total, (weights @ inputs) / total
        mean_c = (weights @ similarity.T) / total[:, None]
        aa = (weighted * agreement).sum(axis=1) / total - mean_a**2
        xx = (weights @ inputs**2) / total - mean_x**2
        ax = (weighted @ inputs) / total - mean_a * mean_x
        ac = (weighted @ similarity.T) / total[:, None] - mean_a[:, None] * mean_c
        xc = (weights @ (inputs * similarity).T) / total[:, None] - mean_x[:, None] * mean_c
        # Inputs without any variance explain nothing.
        ratio = np.where(xx > 1e-12, ax / np.where(xx > 1e-12, xx, 1.0), 0.0)
        slope: np.ndarray = (ac - ratio[:, None] * xc) / (aa - ratio * ax)[:, None]
    return slope


def coding_verdict(slope: float, p: float) -> Literal["codes", "in-part", "no"]:
    """What a slope and its p amount to."""
    if p > LEVEL or slope < IN_PART:
        return "no"
    return "codes" if slope >= CODES else "in-part"


def coding(
    slope: Float[np.ndarray, " window"], p: Float[np.ndarray, " window"], threshold: float
) -> Bool[np.ndarray, " window"]:
    """Whether each window codes the answer at a threshold of the slope."""
    codes: np.ndarray = (slope >= threshold) & (p <= LEVEL)
    return codes
