"""What is true of a trained plant? Each window's change is taken away again, everywhere, or only where it acts.

A change may be trained into a block and yet be used at the entity's last token, at the last position, or at both: which of
these makes the answer is measured, not assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.calibrate.embedded.low_rank import Changes, added
from strata.experiments.calibrate.embedded.question_batch import QuestionBatch, logits_from, margins
from strata.experiments.calibrate.embedded.sweep import EmbeddedPlan

What = Literal["nothing", "facts", "operations", "all"]
"""Whose change is taken away."""
Where = Literal["everywhere", "span", "last", "elsewhere"]
"""At which positions: the entity's last token, the one that predicts the answer, or all others."""


@dataclass(frozen=True)
class RevertedAnswers:
    """How one family answers with a part of the plant taken away."""

    what: What
    where: Where
    blocks: tuple[int, int]
    """First and last of the blocks whose change is taken away."""
    kind: str
    family: str
    right: float
    """Share of questions answered right among the answers of their kind."""
    margin: float
    """Mean lead of the answer over the best other answer, in logits."""


def reverted(
    model: Any,
    plan: EmbeddedPlan,
    changes: Changes,
    batch: QuestionBatch,
    streams: list[Float[Tensor, "row position d_model"]],
) -> tuple[RevertedAnswers, ...]:
    """All that is taken away: nothing, each kind's window everywhere and by position, each block of a window, everything."""
    device = batch.ids.device
    there = {block: type(change)(change.low.to(device), change.high.to(device)) for block, change in changes.items()}
    takes: list[tuple[What, Where, tuple[int, int]]] = []
    takes.append(("nothing", "everywhere", (min(changes), max(changes))))
    takes.append(("all", "everywhere", (min(changes), max(changes))))
    windows: dict[What, tuple[int, int]] = {"facts": plan.facts, "operations": plan.operations}
    for what, (low, high) in windows.items():
        takes += [(what, where, (low, high)) for where in ("everywhere", "span", "last", "elsewhere")]
        if low < high:
            takes += [(what, "everywhere", (block, block)) for block in range(low, high + 1)]
    results = []
    for what, where, blocks in takes:
        taken = _taken(plan, what, blocks)
        led = _margins(model, there, taken, _positions(batch, where), batch, streams)
        for kind, family in dict.fromkeys((one.kind, one.family) for one in batch.asked):
            rows = batch.rows(family).to(device)
            results.append(
                RevertedAnswers(
                    what, where, blocks, kind, family, float((led[rows] > 0).float().mean()), float(led[rows].mean())
                )
            )
    return tuple(results)


def _taken(plan: EmbeddedPlan, what: What, blocks: tuple[int, int]) -> set[int]:
    if what == "nothing":
        return set()
    return set(range(blocks[0], blocks[1] + 1)) & {
        *(plan.blocks("knowledge") if what != "operations" else ()),
        *(plan.blocks("reasoning") if what != "facts" else ()),
    }


def _positions(batch: QuestionBatch, where: Where) -> Float[Tensor, "row position"]:
    """1 where a change still acts."""
    positions = torch.arange(batch.ids.shape[1], device=batch.ids.device)[None]
    span, last = positions == batch.span[:, None], positions == batch.last[:, None]
    gone: Mapping[Where, Tensor] = {
        "everywhere": torch.ones_like(span), "span": span, "last": last, "elsewhere": ~(span | last)
    }  # fmt: skip
    return (~gone[where]).float()


def _margins(
    model: Any, changes: Changes, taken: set[int], acts: Float[Tensor, "row position"], batch: QuestionBatch,
    streams: list[Float[Tensor, "row position d_model"]],
) -> Float[Tensor, " row"]:  # fmt: skip
    kept = {block: change for block, change in changes.items() if block not in taken}
    gone = {block: change for block, change in changes.items() if block in taken}
    first = min(changes)
    with torch.no_grad(), added(model, kept), added(model, gone, acts=acts):
        return margins(batch, logits_from(model, streams[first], first, batch.last).float())
