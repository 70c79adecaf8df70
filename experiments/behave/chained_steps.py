"""Which steps stand before the answer, and what stands in their place as a control? Another problem's steps, the question's words, one step again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from strata.experiments.behave.thinking_problems import ThinkingProblem, with_others
from strata.experiments.items.chain_steps import StepEnd, ends_of, joined, steps_in
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow
from strata.experiments.results.thinking_summary import StepControl

CONTROLS: tuple[StepControl, ...] = ("other_steps", "filler", "repeated")


@dataclass(frozen=True)
class Chained:
    """A problem with the steps to its answer."""

    problem: ThinkingProblem
    chains: tuple[str, ...]
    """What is thought after 0, 1, … of the steps; the first is empty."""
    controls: Mapping[StepControl, str]
    """What else is thought instead of all of them, by control; not every problem has each."""

    @property
    def n_steps(self) -> int:
        return len(self.chains) - 1


def with_written_steps(problems: Sequence[ThinkingProblem], end: StepEnd) -> list[Chained]:
    """Those that somebody wrote steps for; the same texts for every model."""
    stepped = {one.id: one.steps for one in problems if one.steps}
    chains = {name: [joined(steps[:n], end) for n in range(1, len(steps) + 1)] for name, steps in stepped.items()}
    return _chained([one for one in problems if one.id in stepped], stepped, chains, end)


def with_own_steps(
    problems: Sequence[ThinkingProblem], rows: Sequence[BehaviourAnswerRow], end: StepEnd
) -> list[Chained]:
    """Those for which the model closed a chain with a step in it, in its first draw; its own text, cut where steps end."""
    written = {
        row.item: row.chain
        for row in rows
        if row.condition == "slow" and row.draw == 0 and row.answer is not None and row.chain
    }
    stepped = {item: steps for item, chain in written.items() if (steps := steps_in(chain, end))}
    chains = {item: [written[item][:end] for end in ends_of(written[item], steps)] for item, steps in stepped.items()}
    return _chained([one for one in problems if one.id in stepped], stepped, chains, end)


def _chained(
    problems: Sequence[ThinkingProblem],
    steps: Mapping[str, tuple[str, ...]],
    chains: Mapping[str, Sequence[str]],
    end: StepEnd,
) -> list[Chained]:
    others = {one.id: its for one, its in with_others(problems, lambda problem: problem)}
    found = []
    for one in problems:
        own = steps[one.id]
        controls: dict[StepControl, str] = {"filler": joined(_filler(one, own), end)}
        other = _other(one, others[one.id], steps)
        if other is not None:
            controls["other_steps"] = chains[other.id][-1]
        if len(own) > 1:
            # Of a single step the first one is all of them.
            controls["repeated"] = joined((own[0],) * len(own), end)
        found.append(Chained(one, ("", *chains[one.id]), controls))
    return found


def _other(
    one: ThinkingProblem, others: Sequence[ThinkingProblem], steps: Mapping[str, tuple[str, ...]]
) -> ThinkingProblem | None:
    """The first of them with another answer, of as many steps where there is one."""
    apart = [it for it in others if it.answer != one.answer]
    alike = (it for it in apart if len(steps[it.id]) == len(steps[one.id]))
    return next(alike, apart[0] if apart else None)


def _filler(one: ThinkingProblem, steps: Sequence[str]) -> tuple[str, ...]:
    """The question's words in another order, as many in every step as stand there."""
    words = re.findall(r"\w+", one.question) or ["so"]
    Random(f"filler {one.id}").shuffle(words)
    endless = cycle(words)
    return tuple(" ".join(islice(endless, max(1, len(step.split())))) for step in steps)
