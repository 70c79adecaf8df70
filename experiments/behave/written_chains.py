"""What does the model write fast, slow, and behind the chain that it wrote for another problem? One row an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem, with_others
from strata.experiments.generated_answers.decoding import Decoding, Written, seed_of_draw, written_answers
from strata.experiments.generated_answers.extraction import is_right
from strata.experiments.items.chain_steps import StepEnd, steps_in
from strata.experiments.results.behaviour_tables import BehaviourAnswerRow
from strata.experiments.results.thinking_summary import Pace
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.progress import Progress, silent

ANSWER_TOKENS = 48
"""Room for an answer alone."""


@dataclass(frozen=True)
class Writing:
    """How answers are decoded."""

    chain_tokens: int
    """Most tokens of a slow answer, its chain included."""
    samples: int
    temperature: float
    """0: the likeliest token each time."""
    seed: int
    step_end: StepEnd


def fitting(
    checkpoint: Checkpoint, frame: ThinkFrame, problems: Sequence[ThinkingProblem], chain_tokens: int
) -> list[ThinkingProblem]:
    """Those whose question, chain and answer fit the model's context."""
    limit = checkpoint.max_context
    if limit is None:
        return list(problems)
    room = limit - chain_tokens - 2 * ANSWER_TOKENS
    return [one for one in problems if len(checkpoint.encode(frame.opened(one.question))) <= room]


def written_rows(
    checkpoint: Checkpoint,
    frame: ThinkFrame,
    problems: Sequence[ThinkingProblem],
    writing: Writing,
    progress: Progress = silent,
) -> list[BehaviourAnswerRow]:
    """Every answer of every draw: slow and fast ones, and those behind another problem's chain, where one was closed."""
    rows: list[BehaviourAnswerRow] = []
    for draw in range(writing.samples):
        slow = _written(
            checkpoint, frame, [frame.opened(one.question) for one in problems], "slow", draw, writing, progress
        )
        fast = _written(
            checkpoint, frame, [frame.closed(one.question) for one in problems], "fast", draw, writing, progress
        )
        rows += _rows(problems, slow, "slow", draw, writing.step_end)
        rows += _rows(problems, fast, "fast", draw, writing.step_end)
        chains = other_chains(problems, {one.id: _chain(text) for one, text in zip(problems, slow, strict=True)})
        asked = [one for one in problems if one.id in chains]
        prompts = [frame.closed(one.question, chains[one.id]) for one in asked]
        other = _written(checkpoint, frame, prompts, "other_chain", draw, writing, progress)
        rows += _rows(asked, other, "other_chain", draw, writing.step_end)
    return rows


def other_chains(problems: Sequence[ThinkingProblem], chains: Mapping[str, str]) -> dict[str, str]:
    """For every problem the chain of the next one of its family that has another cluster and answer. `chains`: by id, empty for none."""
    found: dict[str, str] = {}
    for one, others in with_others(problems, lambda problem: problem):
        chain = next((chains[it.id] for it in others if it.answer != one.answer and chains.get(it.id)), None)
        if chain is not None:
            found[one.id] = chain
    return found


def _written(
    checkpoint: Checkpoint,
    frame: ThinkFrame,
    prompts: Sequence[str],
    pace: Pace,
    draw: int,
    writing: Writing,
    progress: Progress,
) -> list[Written]:
    if not prompts:
        return []
    slow = pace == "slow"
    new_tokens = writing.chain_tokens + ANSWER_TOKENS if slow else ANSWER_TOKENS
    decoding = Decoding(new_tokens, writing.temperature, seed_of_draw(writing.seed, draw))
    return written_answers(
        checkpoint, prompts, decoding, tags=frame.tags,
        never=() if slow else (frame.tags.open,), progress=progress, stage=f"{pace.replace('_', ' ')} answers",
    )  # fmt: skip


def _chain(written: Written) -> str:
    """What was thought in a block that was closed; empty where none was."""
    return "" if written.answer.value is None else written.answer.chain_of_thought or ""


def _rows(
    problems: Sequence[ThinkingProblem], written: Sequence[Written], pace: Pace, draw: int, step_end: StepEnd
) -> Iterator[BehaviourAnswerRow]:
    for problem, one in zip(problems, written, strict=True):
        answer = one.answer
        yield BehaviourAnswerRow(
            item=problem.id, kind=problem.kind, family=problem.family, cluster=problem.cluster, condition=pace, draw=draw,
            question=problem.question, expected=problem.answer, text=one.text, answer=answer.value, reason=answer.reason,
            chain=answer.chain_of_thought, reasons=_reasons(one, step_end), right=is_right(answer, problem.answer, problem.choices),
        )  # fmt: skip


def _reasons(written: Written, step_end: StepEnd) -> bool:
    """Whether steps stand before the answer: in a closed block, or, without any block, as two steps or more."""
    answer = written.answer
    if answer.chain_of_thought is not None:
        return answer.value is not None and bool(answer.chain_of_thought)
    return len(steps_in(written.text, step_end)) > 1
