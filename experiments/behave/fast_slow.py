"""Does thinking first bring right answers, and what does it cost? Fast against slow (2507.18178), with the control that it lacks.

The same prompt with the think block closed by force and opened. Behind another problem's chain stands as much text that tells
nothing of this one: what is won there isn't won by thinking.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from strata.experiments.behave.settling import Settled, settling_of
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow, BehaviourItemRow, BehaviourLayerRow
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.thinking_summary import Change, FastSlow, Pace
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap, cluster_bootstrap_ratio
from strata.probes.statistics.share import change_of_shares, cluster_share

FEWEST = 8
"""Answers that a rate is taken of."""
PACES: tuple[Pace, ...] = ("fast", "slow", "other_chain")


@dataclass(frozen=True)
class MeasuredFastSlow:
    """By kind, and the rows of the tables."""

    kinds: Mapping[Kind, FastSlow]
    items: list[BehaviourItemRow]
    layers: list[BehaviourLayerRow]


def measure_fast_slow(
    problems: Sequence[ThinkingProblem],
    rows: Sequence[BehaviourAnswerRow],
    settled: Settled,
    *,
    draws: int,
    seed: int,
) -> MeasuredFastSlow:
    """Of the answers (`written_rows`) and where their first tokens settle, by kind."""
    kinds: dict[Kind, FastSlow] = {}
    layers: list[BehaviourLayerRow] = []
    for kind in KINDS:
        members = [one for one in problems if one.kind == kind]
        if not members:
            continue
        of_kind = _Kind(members, [row for row in rows if row.kind == kind], draws, seed)
        solved = of_kind.solved
        groups = {
            name: settling_of(kind, name, settled.of(one.id for one in chosen), [one.cluster for one in chosen], draws=draws, seed=seed)
            for name, chosen in solved.items()
            if chosen
        }  # fmt: skip
        kinds[kind] = of_kind.result().model_copy(update={name: found.settling for name, found in groups.items()})
        layers += [row for found in groups.values() for row in found.rows]
    return MeasuredFastSlow(kinds, _item_rows(problems, rows, settled), layers)


def change_of(estimate: Estimate) -> Change:
    """On which side of 0 its interval lies."""
    if estimate.low is None or estimate.high is None:
        return "undecided"
    return "gains" if estimate.low > 0 else "loses" if estimate.high < 0 else "not-seen"


@dataclass(frozen=True)
class _Kind:
    problems: Sequence[ThinkingProblem]
    rows: Sequence[BehaviourAnswerRow]
    draws: int
    seed: int

    @property
    def clusters(self) -> list[str]:
        return [one.cluster for one in self.problems]

    def table(self, pace: Pace, *, reasons: bool = False) -> Float[np.ndarray, "problem draw"]:
        """1 for a right answer (with `reasons`: for one with a chain of thought), NaN for one that wasn't asked for."""
        place = {one.id: index for index, one in enumerate(self.problems)}
        drawn = 1 + max(row.draw for row in self.rows)
        values = np.full((len(self.problems), drawn), np.nan)
        for row in self.rows:
            if row.condition == pace:
                values[place[row.item], row.draw] = row.reasons if reasons else row.right
        return values

    @property
    def solved(self) -> dict[str, list[ThinkingProblem]]:
        """By the first draw, which is the one whose streams are read: those that only slow solves, and those that both solve."""
        fast, slow = self.table("fast")[:, 0] > 0, self.table("slow")[:, 0] > 0
        return {
            "only_slow": [one for one, here in zip(self.problems, slow & ~fast, strict=True) if here],
            "both": [one for one, here in zip(self.problems, slow & fast, strict=True) if here],
        }

    def result(self) -> FastSlow:
        fast, slow, other = (self.table(pace) for pace in PACES)
        won, lost = ((1 - fast) * slow).mean(1), (fast * (1 - slow)).mean(1)
        gain = change_of_shares(won - lost, self.clusters, draws=self.draws, seed=self.seed)
        shown = np.isfinite(other).any(1)
        beyond = (
            change_of_shares(
                np.nanmean((slow - other)[shown], axis=1), [cluster for cluster, here in zip(self.clusters, shown, strict=True) if here],
                draws=self.draws, seed=self.seed,
            )
            if shown.any() else None
        )  # fmt: skip
        never = [row for row in self.rows if row.condition == "slow" and row.answer is None]
        return FastSlow(
            problems=len(self.problems),
            clusters=len(set(self.clusters)),
            samples=fast.shape[1],
            fast=self._share(fast),
            slow=self._share(slow),
            gain=Estimated.of(gain),
            won=self._mean(won),
            lost=self._mean(lost),
            won_of_wrong=self._rate(won, (1 - fast).mean(1)),
            lost_of_right=self._rate(lost, fast.mean(1)),
            change=change_of(gain),
            chains={pace: self._share(self.table(pace, reasons=True)) for pace in ("fast", "slow")},
            never_closed=len(never),
            other_chain=self._share(other) if shown.any() else None,
            beyond=None if beyond is None else Estimated.of(beyond),
            only_slow=None,
            both=None,
        )

    def _share(self, values: Float[np.ndarray, "problem draw"]) -> Estimated:
        known = np.isfinite(values).any(1)
        clusters = [cluster for cluster, here in zip(self.clusters, known, strict=True) if here]
        return Estimated.of(cluster_share(np.nanmean(values[known], axis=1).tolist(), clusters))

    def _mean(self, values: Float[np.ndarray, " problem"]) -> Estimated:
        return Estimated.of(cluster_bootstrap(values, self.clusters, draws=self.draws, seed=self.seed)[0])

    def _rate(self, part: Float[np.ndarray, " problem"], of: Float[np.ndarray, " problem"]) -> Estimated | None:
        """Of at least eight answers; None where there are fewer."""
        if of.sum() < FEWEST:
            return None
        found = cluster_bootstrap_ratio(
            part[:, None], of[:, None], self.clusters, draws=self.draws, seed=self.seed
        )  # fmt: skip
        return Estimated.of(found[0])


def _item_rows(
    problems: Sequence[ThinkingProblem], rows: Sequence[BehaviourAnswerRow], settled: Settled
) -> list[BehaviourItemRow]:
    """Of the first draw."""
    choices = {one.id: one.choices for one in problems}
    return [
        BehaviourItemRow(
            item=row.item, measure="fast_slow", condition=row.condition, kind=row.kind, family=row.family, cluster=row.cluster,
            options=len(choices[row.item]), chosen=row.answer, right=row.expected, correct=row.right,
            settles=settled.stream(row.item, row.condition),
        )
        for row in rows
        if row.draw == 0
    ]  # fmt: skip
