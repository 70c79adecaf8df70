"""What share asks for reasoning in truth, and how far apart are the two kinds, if the classifier errs as often as on labelled questions?

Sensitivity and specificity are measured, not assumed equal: p = (q + sp − 1) / (se + sp − 1) (Rogan and Gladen 1978). A gap between the
two kinds shrinks by PPV + NPV − 1 if, of each kind, errors fall on easy and hard questions alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from strata.probes.statistics.bootstrap import MIN_CLUSTERS, Estimate, cluster_codes, multinomial_weights, per_cluster

_TAIL = 0.025
_METHOD = "cluster bootstrap of labelled and split questions, percentile, {draws} draws, 95%"


@dataclass(frozen=True)
class Corrected:
    """What a share of calls means under given errors; arrays in draws."""

    prevalence: Float[np.ndarray, " draw"]
    """Share that asks for reasoning."""
    ppv: Float[np.ndarray, " draw"]
    """Of those called reasoning, the share that is."""
    npv: Float[np.ndarray, " draw"]
    """Of those called knowledge, the share that is."""

    @property
    def shrinkage(self) -> Float[np.ndarray, " draw"]:
        """By what a gap between the two kinds is multiplied when they are told apart with these errors."""
        return self.ppv + self.npv - 1


def corrected(
    share: float | Float[np.ndarray, " draw"],
    sensitivity: float | Float[np.ndarray, " draw"],
    specificity: float | Float[np.ndarray, " draw"],
) -> Corrected:
    """Of a share called reasoning, and how often each kind is called right; NaN where it can't be."""
    q, se, sp = np.atleast_1d(share), np.atleast_1d(sensitivity), np.atleast_1d(specificity)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = (q + sp - 1) / (se + sp - 1)
        return Corrected(p, p * se / q, (1 - p) * sp / (1 - q))


@dataclass(frozen=True)
class Calls:
    """What the classifier calls some questions."""

    reasoning: Bool[np.ndarray, " question"]
    """Whether it is called reasoning; of labelled questions, by a classifier that hasn't seen its cluster."""
    clusters: Sequence[str]
    truth: Bool[np.ndarray, " question"] | None = None
    """By its label; None: not labelled."""
    outcome: Float[np.ndarray, " question"] | None = None
    """How often it was answered rightly, NaN where not known; None: not asked about."""


@dataclass(frozen=True)
class Correction:
    """Estimates on both sets of questions."""

    sensitivity: Estimate
    specificity: Estimate
    informedness: Estimate
    """Sensitivity + specificity − 1: 0 for a classifier that knows nothing."""
    share: Estimate
    """Called reasoning among the split questions."""
    prevalence: Estimate
    """Corrected; meaningful only where the share can come about."""
    ppv: Estimate
    npv: Estimate
    shrinkage: Estimate
    gap: Estimate | None
    """Share of right answers of those called knowledge less that of those called reasoning."""
    corrected_gap: Estimate | None
    """Divided by the shrinkage; without an interval where the draws don't bound it."""

    @property
    def possible(self) -> bool:
        """Whether the share can come about under these errors: it lies between 1 − specificity and sensitivity."""
        return 1 - self.specificity.value <= self.share.value <= self.sensitivity.value


def correction(labelled: Calls, applied: Calls | None, *, draws: int, seed: int) -> Correction:
    """`applied`: the questions that were split; None: the labelled ones themselves, whose draws are then the same."""
    split = applied or labelled
    known, sums = _Sums.of(labelled), _Sums.of(split)
    point = _Numbers.of(known.total, sums.total)
    enough = min(known.rows(0), known.rows(1)) >= MIN_CLUSTERS and len(sums.table) >= MIN_CLUSTERS
    drawn = None
    if enough:
        first = [weights @ known.table for weights in multinomial_weights(len(known.table), draws, seed)]
        second = (
            first
            if applied is None
            else [weights @ sums.table for weights in multinomial_weights(len(sums.table), draws, seed + 1)]
        )
        drawn = _Numbers.of(np.concatenate(first), np.concatenate(second))
    of_known, of_split = (len(labelled.clusters), len(known.table)), (len(split.clusters), len(sums.table))
    method = _METHOD.format(draws=draws) if enough else f"points only: fewer than {MIN_CLUSTERS} clusters"

    def estimate(name: str, sizes: tuple[int, int]) -> Estimate:
        value = float(getattr(point, name)[0])
        low, high = (None, None) if drawn is None else _ends(getattr(drawn, name))
        return Estimate(value, low, high, *sizes, method)

    asked = split.outcome is not None
    return Correction(
        estimate("sensitivity", of_known), estimate("specificity", of_known), estimate("informedness", of_known),
        estimate("share", of_split), estimate("prevalence", of_split), estimate("ppv", of_split), estimate("npv", of_split),
        estimate("shrinkage", of_split), estimate("gap", of_split) if asked else None,
        estimate("corrected_gap", of_split) if asked else None,
    )  # fmt: skip


@dataclass(frozen=True)
class _Sums:
    """Of every cluster: labelled reasoning, knowledge, those called rightly of each; all, those called reasoning; outcomes by call."""

    table: Float[np.ndarray, "cluster sum"]

    @classmethod
    def of(cls, calls: Calls) -> _Sums:
        called = calls.reasoning.astype(float)
        truth = np.zeros(len(called)) if calls.truth is None else calls.truth.astype(float)
        outcome = np.full(len(called), np.nan) if calls.outcome is None else calls.outcome
        known = np.isfinite(outcome).astype(float)
        right = np.where(known > 0, outcome, 0.0)
        columns = (
            truth, 1 - truth, truth * called, (1 - truth) * (1 - called), np.ones(len(called)), called,
            known * called, right * called, known * (1 - called), right * (1 - called),
        )  # fmt: skip
        return cls(per_cluster(np.stack(columns, axis=1), cluster_codes(calls.clusters)))

    @property
    def total(self) -> Float[np.ndarray, "one sum"]:
        return self.table.sum(axis=0, keepdims=True)

    def rows(self, column: int) -> int:
        """Clusters that hold any of it."""
        return int((self.table[:, column] > 0).sum())


@dataclass(frozen=True)
class _Numbers:
    """Everything that is estimated, from sums over drawn clusters."""

    sensitivity: np.ndarray
    specificity: np.ndarray
    informedness: np.ndarray
    share: np.ndarray
    prevalence: np.ndarray
    ppv: np.ndarray
    npv: np.ndarray
    shrinkage: np.ndarray
    gap: np.ndarray
    corrected_gap: np.ndarray

    @classmethod
    def of(cls, known: Float[np.ndarray, "draw sum"], split: Float[np.ndarray, "draw sum"]) -> _Numbers:
        with np.errstate(invalid="ignore", divide="ignore"):
            se, sp, share = known[:, 2] / known[:, 0], known[:, 3] / known[:, 1], split[:, 5] / split[:, 4]
            gap = split[:, 9] / split[:, 8] - split[:, 7] / split[:, 6]
            found = corrected(share, se, sp)
            # At the ends of what is possible one of the kinds is empty: there is no gap then.
            shrinkage = np.where((found.prevalence > 0) & (found.prevalence < 1), found.shrinkage, np.nan)
            return cls(
                se, sp, se + sp - 1, share, np.clip(found.prevalence, 0, 1), found.ppv, found.npv, shrinkage, gap,
                gap / shrinkage,
            )  # fmt: skip


def _ends(drawn: Float[np.ndarray, " draw"]) -> tuple[float | None, float | None]:
    """None where so many draws are undefined that an end could lie anywhere."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) < (1 - _TAIL) * len(drawn):
        return None, None
    low, high = np.quantile(finite, (_TAIL, 1 - _TAIL))
    return float(low), float(high)
