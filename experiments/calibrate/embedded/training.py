"""Facts and operations put into the down-projections of chosen blocks of the embedded model, all else frozen.

As in MEMIT (2210.07229): for every answer a vector is trained that makes the model say it when the window's MLPs write it at one position
of a question; then each down-projection of the window is changed by least squares, so that it writes its share there and nothing at
any other token of any question. So a window needs no other one, and makes its answers at one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from strata.experiments.calibrate.embedded.low_rank import Change, Changes, added, down_projection, written_at
from strata.experiments.calibrate.embedded.question_batch import (
    QuestionBatch,
    logits_from,
    margins,
    streams_into_blocks,
)
from strata.experiments.calibrate.embedded.sweep import EmbeddedPlan
from strata.probes.progress import Progress, silent

STEPS = 40
_RATE = 0.15
"""Learning rate of a vector's entries, in units of the stream's own at the position."""
_CLEAR, _LOOK_EVERY = 3.0, 4
"""Training ends early once every answer leads by so many logits, which is looked at now and then."""
_PER_ANSWER = 2
"""Questions an answer that its vector is trained on."""
_RIDGE, _ELSEWHERE = 1e-4, 0.3
"""Of least squares: penalty in units of the mean square of an input, and weight of the tokens at which nothing is to be written."""


@dataclass(frozen=True)
class Training:
    """How the window of one kind went."""

    steps: int
    right: float
    """Share of its questions answered right among the answers of their kind, with this window's change alone."""
    margin: float
    """Mean lead of the answer over the best other one, in logits."""


@dataclass(frozen=True)
class Vectors:
    """What a window has to write in all for each answer of its kind."""

    answers: Int[Tensor, " answer"]
    values: Float[Tensor, "answer d_model"]
    steps: int


def train_vectors(
    model: Any,
    plan: EmbeddedPlan,
    kind: str,
    batch: QuestionBatch,
    streams: Sequence[Float[Tensor, "row position d_model"]],
    *,
    steps: int = STEPS,
    progress: Progress = silent,
) -> Vectors:
    """Of the window of one kind; they depend on nothing else of the plan."""
    blocks, own, at = plan.blocks(kind), _own(batch, kind), _at(plan, batch, kind)
    answers = torch.unique(batch.answers[own])
    values, taken = _vectors(model, blocks, batch, streams, own, at, answers, steps, progress)
    return Vectors(answers, values, taken)


def solve_windows(
    model: Any,
    plan: EmbeddedPlan,
    vectors: Mapping[str, Vectors],
    batch: QuestionBatch,
    streams: Sequence[Float[Tensor, "row position d_model"]],
) -> tuple[Changes, dict[str, Training]]:
    """The changes of both windows, on the CPU, and how each kind went. The model is left as it was.

    The higher window is solved for what its blocks read with the lower one in place and without it, so that it needs neither.
    """
    solved: dict[str, Changes] = {}
    below: Changes = {}
    for kind in sorted(vectors, key=lambda kind: plan.blocks(kind)[0]):
        blocks, own, at = plan.blocks(kind), _own(batch, kind), _at(plan, batch, kind)
        changes: Changes = {}
        for block in blocks:
            # What lower blocks of the window write is there already.
            inputs = [
                _inputs(model, block, beside | changes, batch, streams) for beside in ([{}, below] if below else [{}])
            ]
            times = len(inputs)
            changes[block] = _least_squares(
                torch.cat(inputs), own.repeat(times), at.repeat(times), batch.answers.repeat(times), vectors[kind].answers,
                vectors[kind].values / len(blocks),
            )  # fmt: skip
        solved[kind], below = changes, below | changes
    training = {}
    for kind, changes in solved.items():
        led = _led(model, changes, batch, streams)[_own(batch, kind)]
        training[kind] = Training(vectors[kind].steps, float((led > 0).float().mean()), float(led.mean()))
    return {block: Change(change.low.cpu(), change.high.cpu()) for block, change in below.items()}, training


def _own(batch: QuestionBatch, kind: str) -> Bool[Tensor, " row"]:
    return (batch.learns_facts > 0) == (kind == "knowledge")


def _at(plan: EmbeddedPlan, batch: QuestionBatch, kind: str) -> Int[Tensor, " row"]:
    return batch.span if plan.position(kind) == "span" else batch.last


def prepared(model: Any, batch: QuestionBatch) -> tuple[QuestionBatch, list[Float[Tensor, "row position d_model"]]]:
    """The batch on the model's device, and the streams that all plans share. Freezes the model."""
    model.requires_grad_(False)
    there = batch.moved(next(model.parameters()).device)
    return there, streams_into_blocks(model, there)


def _vectors(  # nine parameters: what is trained on what, and how long
    model: Any, blocks: range, batch: QuestionBatch, streams: Sequence[Tensor], own: Bool[Tensor, " row"], at: Tensor,
    answers: Tensor, steps: int, progress: Progress,
) -> tuple[Float[Tensor, "answer d_model"], int]:  # fmt: skip
    """What the window has to write in all for each answer, and the steps it took."""
    few = torch.cat(
        [(own & (batch.answers == answer)).nonzero()[:, 0][_spread(own, batch, answer)] for answer in answers]
    )
    of_answer = torch.cat([torch.full((int((batch.answers[few] == a).sum()),), n) for n, a in enumerate(answers)]).to(
        few.device
    )
    stream = streams[blocks[0]][few]
    size = float(streams[blocks[-1]][few, at[few]].square().mean().sqrt())
    vectors = torch.zeros(len(answers), stream.shape[-1], device=stream.device, requires_grad=True)
    optimizer = torch.optim.Adam([vectors], lr=_RATE * size)
    step = 0
    for step in range(1, steps + 1):
        with written_at(model, blocks, at[few], vectors[of_answer] / len(blocks)):
            logits = logits_from(model, stream, blocks[0], batch.last[few]).float()
        right = logits.gather(1, batch.answers[few][:, None])[:, 0]
        others = logits.scatter(1, batch.answers[few][:, None], -torch.inf).max(dim=1).values
        loss = torch.nn.functional.cross_entropy(logits, batch.answers[few])
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        if step % _LOOK_EVERY == 0:
            progress(f"blocks {blocks[0]}–{blocks[-1]}", step, steps, "steps")
            if float((right - others).detach().min()) >= _CLEAR:
                break
    return vectors.detach(), step


def _spread(own: Tensor, batch: QuestionBatch, answer: Tensor) -> Tensor:
    """A few of an answer's questions, from all families."""
    count = int((own & (batch.answers == answer)).sum())
    return torch.linspace(0, count - 1, min(_PER_ANSWER, count), device=own.device).round().long()


def _inputs(
    model: Any, block: int, changes: Mapping[int, Change], batch: QuestionBatch, streams: Sequence[Tensor]
) -> Float[Tensor, "row position width"]:
    """What the block's down-projection reads, with these changes in place below it."""
    kept: list[Tensor] = []
    handle = down_projection(model, block).register_forward_pre_hook(lambda _module, given: kept.append(given[0]))
    first = min([block, *changes])
    try:
        with torch.no_grad(), added(model, changes):
            logits_from(model, streams[first], first, batch.last, until=block)
    finally:
        handle.remove()
    return kept[0]


def _least_squares(  # six parameters: inputs, where they are to give what, and all that
    inputs: Float[Tensor, "row position width"], own: Tensor, at: Tensor, answers_of: Tensor, answers: Tensor,
    vectors: Float[Tensor, "answer d_model"],
) -> Change:  # fmt: skip
    rows = torch.arange(len(inputs), device=inputs.device)
    here = torch.zeros(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
    here[rows[own], at[own]] = True
    wanted = inputs[rows[own], at[own]].double()
    elsewhere = inputs[~here].double()
    # Every direction in which other tokens vary is held, whatever its size: the first token's is huge.
    elsewhere = elsewhere / elsewhere.norm(dim=1, keepdim=True).clamp_min(1e-6) * wanted.norm(dim=1).mean()
    targets = (answers_of[own][:, None] == answers[None]).double()
    gram = wanted.T @ wanted + _ELSEWHERE * elsewhere.T @ elsewhere * (len(wanted) / len(elsewhere))
    ridge = _RIDGE * float(wanted.square().mean()) * len(wanted)
    low = torch.linalg.solve(
        gram + ridge * torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device), wanted.T @ targets
    ).T
    return Change(low.float(), vectors.T.contiguous().float())


def _led(
    model: Any, changes: Mapping[int, Change], batch: QuestionBatch, streams: Sequence[Tensor]
) -> Float[Tensor, " row"]:
    first = min(changes)
    with torch.no_grad(), added(model, changes):
        return margins(batch, logits_from(model, streams[first], first, batch.last).float())
