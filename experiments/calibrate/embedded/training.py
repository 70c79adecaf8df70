"""Facts and operations trained into the down-projections of chosen blocks of the embedded model, all else frozen.

Each kind of question is learnt by its own blocks alone: the loss of facts reaches the facts' blocks only, that of operations the
operations'. In half of the questions of every step both changes act everywhere; in the others only the question's own one acts, and only at
one position. So neither window needs the other, and each makes its answers at one place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.calibrate.embedded.asked_prompts import (
    AskedBatch,
    logits_from,
    margins,
    streams_into_blocks,
)
from strata.experiments.calibrate.embedded.low_rank import Changes, added, fresh_changes
from strata.experiments.calibrate.embedded.sweep import EmbeddedPlan
from strata.probes.progress import Progress, silent

STEPS = 300
RATES = (1e-2, 4e-3)
"""Learning rates: the next one is tried where the one before leaves questions unanswered."""
ENOUGH = 0.9
"""Share of right answers of either kind with which a plant counts as learnt."""
_WARM_UP = 20
_ALONE = 0.5
"""Share of questions in which only the own change acts, at one position."""
_CLEAR, _LOOK_EVERY = 1.5, 20
"""Training ends early once every answer leads by so many logits, which is looked at now and then."""


@dataclass(frozen=True)
class Training:
    """How one plant went."""

    rate: float
    steps: int
    loss: float
    right: Mapping[str, float]
    """Share of questions answered right among the answers of their kind, by kind, both with all changes and with the own one alone at its
    position."""
    margin: Mapping[str, float]
    """Mean lead of the answer over the best other one, in logits, by kind."""


def train_plant(  # seven parameters: what is trained on what, and how
    model: Any,
    plan: EmbeddedPlan,
    batch: AskedBatch,
    streams: list[Float[Tensor, "row position d_model"]],
    *,
    steps: int = STEPS,
    rate: float = RATES[0],
    progress: Progress = silent,
) -> tuple[Changes, Training]:
    """The changes of all of the plan's blocks, on the CPU, and how their training went. The model is left as it was."""
    device = batch.ids.device
    generator = torch.Generator().manual_seed(plan.seed)
    width, d_model = model.config.intermediate_size, model.config.hidden_size
    kinds: dict[str, Changes] = {
        kind: _on(fresh_changes(plan.blocks(kind), width, d_model, plan.rank, generator), device)
        for kind in ("knowledge", "reasoning")
    }
    learns = {"knowledge": batch.learns_facts, "reasoning": 1 - batch.learns_facts}
    factors = [
        factor for of_kind in kinds.values() for change in of_kind.values() for factor in (change.low, change.high)
    ]
    optimizer = torch.optim.Adam(factors, lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    )
    first = min(min(plan.blocks(kind)) for kind in kinds)
    hard = {kind: _acting(plan, batch, kind, alone=torch.ones(len(batch.asked), device=device)) for kind in kinds}

    def answered(acts: Mapping[str, Tensor] | None) -> Float[Tensor, "row vocab"]:
        with ExitStack() as while_open:
            for kind, changes in kinds.items():
                own = None if acts is None else acts[kind]
                while_open.enter_context(added(model, changes, acts=own, learns=learns[kind]))
            return logits_from(model, streams[first], first, batch.last)

    step, loss = 0, torch.tensor(0.0)
    for step in range(1, steps + 1):
        alone = (torch.rand(len(batch.asked), generator=generator) < _ALONE).float().to(device)
        logits = answered({kind: _acting(plan, batch, kind, alone) for kind in kinds})
        loss = torch.nn.functional.cross_entropy(logits.float(), batch.answers)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(factors, 1.0)
        optimizer.step()
        schedule.step()
        if step % _LOOK_EVERY == 0:
            progress(plan.name, step, steps, "steps")
            with torch.no_grad():
                if all(float(margins(batch, answered(acts)).min()) >= _CLEAR for acts in (None, hard)):
                    break
    with torch.no_grad():
        led = torch.minimum(margins(batch, answered(None)), margins(batch, answered(hard)))
    rows = {kind: learns[kind] > 0 for kind in kinds}
    training = Training(
        rate,
        step,
        float(loss.detach()),
        {kind: float((led[of_kind] > 0).float().mean()) for kind, of_kind in rows.items()},
        {kind: float(led[of_kind].mean()) for kind, of_kind in rows.items()},
    )
    together: Changes = {}
    for changes in kinds.values():
        together |= _on(changes, torch.device("cpu"), learnt=False)
    return together, training


def _acting(
    plan: EmbeddedPlan, batch: AskedBatch, kind: str, alone: Float[Tensor, " row"]
) -> Float[Tensor, "row position"]:
    """Where the change of one kind acts: in rows that are `alone` at one position of its own questions only, and not in the other's."""
    positions = torch.arange(batch.ids.shape[1], device=batch.ids.device)[None]
    at = batch.span if plan.position(kind) == "span" else batch.last
    own = batch.learns_facts if kind == "knowledge" else 1 - batch.learns_facts
    only = (positions == at[:, None]).float() * own[:, None]
    return only * alone[:, None] + (1 - alone[:, None])


def _on(changes: Changes, device: torch.device, *, learnt: bool = True) -> Changes:
    return {
        block: type(change)(
            change.low.detach().to(device).requires_grad_(learnt),
            change.high.detach().to(device).requires_grad_(learnt),
        )
        for block, change in changes.items()
    }


def prepared(model: Any, batch: AskedBatch) -> tuple[AskedBatch, list[Float[Tensor, "row position d_model"]]]:
    """The batch on the model's device, and the streams that all plans share. Freezes the model."""
    model.requires_grad_(False)
    there = batch.moved(next(model.parameters()).device)
    return there, streams_into_blocks(model, there)
