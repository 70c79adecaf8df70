"""Are probabilities of answers right as often as they say? Brier score, calibration error, and what a calibrated model of that size would show.

Definitions: Brier (1950), over all options; ECE over equal-mass bins: Nixon et al. (1904.01685).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.probes.statistics.bootstrap import cluster_codes

BINS = 10
_AT_ONCE = 2_000_000
"""Drawn labels that are held at once."""


@dataclass(frozen=True)
class Bin:
    """Items of neighbouring confidence."""

    n: int
    confidence: float
    """Their mean."""
    accuracy: float


@dataclass(frozen=True)
class CalibratedNull:
    """What a model whose probabilities are right would show on items of these probabilities."""

    ece_mean: float
    ece_95: float
    """95 % of the draws stay below."""
    ece_p: float
    """Share of draws at or above what was measured, the measured one among them."""
    brier_mean: float
    brier_95: float
    brier_p: float
    draws: int


def option_probabilities(
    log_probs: Float[np.ndarray, "*rest option"], temperature: float = 1.0
) -> Float[np.ndarray, "*rest option"]:
    """Softmax over an item's options; NaN marks an option that an item doesn't have, and gets probability 0.

    A temperature of 1 changes no bit. Raises ValueError for one that isn't above 0.
    """
    if not temperature > 0:
        raise ValueError(f"a temperature of {temperature}")
    scaled = np.where(np.isfinite(log_probs), log_probs / temperature, -np.inf)
    with np.errstate(invalid="ignore"):
        raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def brier_score(
    probabilities: Float[np.ndarray, "item option"], right: Int[np.ndarray, " item"]
) -> Float[np.ndarray, " item"]:
    """Of every item the sum over its options of (probability − 1[it is right])²: 0 at best, 2 at worst. `right`: the right option."""
    at_right = np.take_along_axis(probabilities, right[:, None], axis=1)[:, 0]
    return np.asarray((probabilities**2).sum(axis=1) - 2 * at_right + 1)


def calibration_error(
    confidence: Float[np.ndarray, " item"], correct: Bool[np.ndarray, " item"], bins: int = BINS
) -> float:
    """Σ over equal-mass bins of (share of items) · |accuracy − mean confidence|. Raises ValueError for no items."""
    return float(_errors(np.asarray(correct, dtype=float)[None], confidence, bins)[0])


def calibration_bins(
    confidence: Float[np.ndarray, " item"], correct: Bool[np.ndarray, " item"], bins: int = BINS
) -> list[Bin]:
    """From the least confident to the most; equal confidences stay in the order of the items."""
    return [
        Bin(len(members), float(confidence[members].mean()), float(np.mean(correct[members])))
        for members in _members(confidence, bins)
    ]


def calibrated_null(
    probabilities: Float[np.ndarray, "item option"],
    right: Int[np.ndarray, " item"],
    clusters: Sequence[object],
    *,
    bins: int = BINS,
    draws: int = 1000,
    seed: int = 0,
) -> CalibratedNull:
    """Draws the right option of every item from its own probabilities.

    Items of one cluster share their draw, as if they always agreed: with few clusters the null is wide rather than narrow.
    """
    falling = np.sort(probabilities, axis=1)[:, ::-1]
    ends = np.cumsum(falling, axis=1)[:, :-1]
    code = cluster_codes(clusters)
    n, confidence, squares = len(code), falling[:, 0], (falling**2).sum(axis=1)
    rng = np.random.default_rng(seed)
    errors, briers = [], []
    step = max(1, _AT_ONCE // max(1, falling.size))
    for start in range(0, draws, step):
        drawn = rng.random((min(step, draws - start), int(code.max()) + 1))[:, code]
        option = (drawn[:, :, None] >= ends).sum(axis=-1)
        errors.append(_errors((option == 0).astype(float), confidence, bins))
        briers.append((squares - 2 * falling[np.arange(n), option] + 1).mean(axis=1))
    ece, brier = np.concatenate(errors), np.concatenate(briers)
    chosen = probabilities.argmax(axis=1)
    measured = calibration_error(probabilities.max(axis=1), chosen == right, bins)
    scored = float(brier_score(probabilities, right).mean())
    return CalibratedNull(
        float(ece.mean()), float(np.quantile(ece, 0.95)), _p(ece, measured),
        float(brier.mean()), float(np.quantile(brier, 0.95)), _p(brier, scored), draws,
    )  # fmt: skip


def _p(drawn: Float[np.ndarray, " draw"], measured: float) -> float:
    return float((1 + (drawn >= measured).sum()) / (1 + len(drawn)))


def _members(confidence: Float[np.ndarray, " item"], bins: int) -> list[Int[np.ndarray, " member"]]:
    if len(confidence) == 0:
        raise ValueError("no items to bin")
    order = np.argsort(confidence, kind="stable")
    return [members for members in np.array_split(order, bins) if len(members)]


def _errors(
    correct: Float[np.ndarray, "draw item"], confidence: Float[np.ndarray, " item"], bins: int
) -> Float[np.ndarray, " draw"]:
    total = np.zeros(len(correct))
    for members in _members(confidence, bins):
        total += len(members) * np.abs(correct[:, members].mean(axis=1) - confidence[members].mean())
    return np.asarray(total / len(confidence))
