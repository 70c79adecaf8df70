"""How often does a score rank a reasoning question above a knowledge question? Area under the ROC curve, and within lengths.

Pairs are compared within a fold only: between folds a classifier's offset differs, which alone pushes a score without any
information below one half. Averaged over repeats of the folds; intervals resample whole clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from strata.probes.statistics.bootstrap import MIN_CLUSTERS, Estimate, cluster_codes, multinomial_weights

_TAIL = 0.025


@dataclass(frozen=True)
class Ranking:
    """What there is to rank: who is which, which pairs may be compared."""

    reasoning: Bool[np.ndarray, " question"]
    clusters: Sequence[str]
    folds: Int[np.ndarray, "repeat question"]
    stratum: Int[np.ndarray, " question"]
    """Pairs of other strata aren't compared, where strata are asked for."""

    def wins(
        self, scores: Float[np.ndarray, "repeat question"], *, within: bool
    ) -> tuple[Float[np.ndarray, "positive negative"], Float[np.ndarray, "positive negative"]]:
        """Of every pair of a reasoning and a knowledge question in how many repeats it is ranked rightly (a tie: one half), and
        compared at all.
        """
        up, down = np.flatnonzero(self.reasoning), np.flatnonzero(~self.reasoning)
        won = np.zeros((len(up), len(down)))
        compared = np.zeros((len(up), len(down)))
        alike = self.stratum[up][:, None] == self.stratum[down][None, :] if within else True
        for score, fold in zip(scores, self.folds, strict=True):
            counted = (fold[up][:, None] == fold[down][None, :]) & alike
            above = np.sign(score[up][:, None] - score[down][None, :])
            won += counted * (above + 1) / 2
            compared += counted
        return won, compared

    def auc(self, scores: Float[np.ndarray, "repeat question"], *, within: bool, draws: int, seed: int) -> Estimate:
        """Share of pairs ranked rightly; `within`: of pairs in one stratum. NaN where no pair is compared."""
        won, compared = self.wins(scores, within=within)
        return self._estimate(won, compared, draws, seed)

    def auc_in(self, scores: Float[np.ndarray, "repeat question"], stratum: int, *, draws: int, seed: int) -> Estimate:
        """The same in one stratum."""
        won, compared = self.wins(scores, within=True)
        inside = (self.stratum[self.reasoning] == stratum)[:, None]
        return self._estimate(won * inside, compared * inside, draws, seed, members=self.stratum == stratum)

    def difference(
        self,
        scores: Float[np.ndarray, "repeat question"],
        other: Float[np.ndarray, "repeat question"],
        *,
        draws: int,
        seed: int,
    ) -> Estimate:
        """AUC within strata less that of other scores, both redone in every draw of clusters."""
        won, compared = self.wins(scores, within=True)
        lost, _ = self.wins(other, within=True)
        return self._estimate(won - lost, compared, draws, seed)

    def _estimate(
        self,
        top: Float[np.ndarray, "positive negative"],
        bottom: Float[np.ndarray, "positive negative"],
        draws: int,
        seed: int,
        members: Bool[np.ndarray, " question"] | None = None,
    ) -> Estimate:
        code = cluster_codes(self.clusters)
        members = np.ones(len(code), dtype=bool) if members is None else members
        n, groups = int(members.sum()), len(set(code[members].tolist()))
        value = float(top.sum() / bottom.sum()) if bottom.sum() else float("nan")
        sides = [len(set(code[members & (self.reasoning == side)].tolist())) for side in (True, False)]
        if min(sides) < MIN_CLUSTERS or not bottom.any():
            return Estimate(value, None, None, n, groups, f"points only: fewer than {MIN_CLUSTERS} clusters of a label")
        drawn = []
        for weights in multinomial_weights(int(code.max()) + 1, draws, seed):
            up, down = weights[:, code[self.reasoning]], weights[:, code[~self.reasoning]]
            with np.errstate(invalid="ignore", divide="ignore"):
                drawn.append(((up @ top) * down).sum(axis=1) / ((up @ bottom) * down).sum(axis=1))
        # A draw without a pair says nothing.
        low, high = np.nanquantile(np.concatenate(drawn), (_TAIL, 1 - _TAIL))
        return Estimate(
            value, float(low), float(high), n, groups, f"cluster bootstrap over pairs, percentile, {draws} draws, 95%"
        )


def quartiles(values: Int[np.ndarray, " question"]) -> Int[np.ndarray, " question"]:
    """0 to 3 by the quartiles of `values`; equal ones always lie in one."""
    return np.searchsorted(np.quantile(values, (0.25, 0.5, 0.75)), values, side="left")
