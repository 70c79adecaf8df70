"""The chains that the model closed, step by step, as programs judge them: for their problem, and for another one as the null."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.generated_answers.true_steps import Verdict
from strata.experiments.items.chain_steps import StepEnd, ends_of, steps_in
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow


@dataclass(frozen=True)
class JudgedChain:
    """The steps of one chain."""

    problem: ThinkingProblem
    text: str
    """The whole chain."""
    steps: tuple[str, ...]
    ends: tuple[int, ...]
    """Of every step the character of `text` behind it."""
    verdicts: tuple[Verdict, ...]
    of_another: tuple[Verdict, ...] | None
    """Of the same steps, had they been written for another problem of the family. None: there is none."""
    right: bool
    """Whether the answer behind the chain is."""

    @property
    def index(self) -> float:
        """Share of the steps that are true of the problem."""
        return self.verdicts.count("true") / len(self.verdicts)

    @property
    def by_themselves(self) -> float:
        """Share that is true of anything."""
        return self.index + self.verdicts.count("elsewhere") / len(self.verdicts)

    @property
    def null(self) -> float:
        """Share that is true of the other problem; NaN where there is none."""
        return np.nan if self.of_another is None else self.of_another.count("true") / len(self.of_another)


def judged_chains(
    problems: Sequence[ThinkingProblem], rows: Sequence[BehaviourAnswerRow], end: StepEnd
) -> list[JudgedChain]:
    """Of the first draw: chains that were closed, with a step in them and an answer behind them."""
    written = {row.item: row for row in rows if row.condition == "slow" and row.draw == 0 and row.answer is not None}
    by_family: dict[tuple[str, str], list[ThinkingProblem]] = defaultdict(list)
    for one in problems:
        by_family[one.kind, one.family].append(one)
    judged = []
    for one in problems:
        text = (written[one.id].chain or "") if one.id in written else ""
        steps = steps_in(text, end)
        if not steps:
            continue
        family = by_family[one.kind, one.family]
        other = next((it for it in family if it.cluster != one.cluster and it.question != one.question), None)
        null = None if other is None else tuple(other.judge(steps))
        judged.append(
            JudgedChain(one, text, steps, ends_of(text, steps), tuple(one.judge(steps)), null, written[one.id].right)
        )
    return judged
