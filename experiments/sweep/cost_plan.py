"""What will a sweep cost? Each checkpoint's `locate` planned once for models of one shape, and all its runs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.cost_plan import Plan, plan_locate
from strata.experiments.sweep.pipeline import is_made
from strata.experiments.sweep.planned_runs import PlannedRun
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

_Shape = tuple[object, ...]


@dataclass(frozen=True)
class CheckpointCost:
    """The runs of one checkpoint."""

    checkpoint: str
    runs: int
    made: int
    """Of them, already."""
    memory_bytes: int = 0
    """Of the largest of its runs."""
    disk_bytes: int = 0
    """Likewise, while it is made."""
    kept_bytes: int = 0
    """Of all its runs, afterwards."""
    seconds: tuple[float, float] | None = None
    """Of what isn't made, one after the other: least and most. None without a trial."""
    why_not: str = ""
    """Why it can't be planned: then it can't be made either."""


@dataclass(frozen=True)
class SweepPlan:
    checkpoints: tuple[CheckpointCost, ...]
    workers: int
    """Runs at a time."""
    memory_bytes: int
    """At once, on one machine."""
    available_bytes: int | None
    """None: not known."""
    disk_bytes: int
    """At most while runs are made, with what is kept."""
    free_disk_bytes: int
    seconds: tuple[float, float] | None
    """Of what isn't made, so many at a time; None without a trial."""

    @property
    def fits(self) -> bool:
        """Whether memory and disk of one machine are enough for so many at a time."""
        room = self.available_bytes is None or self.memory_bytes <= self.available_bytes
        return room and self.disk_bytes <= self.free_disk_bytes

    @property
    def runs(self) -> int:
        return sum(cost.runs for cost in self.checkpoints)

    @property
    def made(self) -> int:
        return sum(cost.made for cost in self.checkpoints)

    @property
    def refused(self) -> tuple[CheckpointCost, ...]:
        """Those that can't be made."""
        return tuple(cost for cost in self.checkpoints if cost.why_not)


def plan_sweep(
    runs: Sequence[PlannedRun],
    config_of: Callable[[PlannedRun], LocateConfig],
    opened: Callable[[str, bool], Checkpoint],
    out: Path,
    *,
    trial: bool,
    workers: int = 1,
) -> SweepPlan:
    """`opened`: a checkpoint by its spec, with weights or without. A `trial` needs them, and is run once for models of one shape."""
    plans: dict[_Shape, Plan] = {}
    costs = []
    for spec in dict.fromkeys(run.checkpoint for run in runs):
        own = [run for run in runs if run.checkpoint == spec]
        made = sum(is_made(out / run.key) for run in own)
        try:
            costs.append(_cost(spec, own, made, _planned(own, config_of, opened, out, plans, trial), out))
        except StrataError as error:
            costs.append(CheckpointCost(spec, len(own), made, why_not=str(error)))
    known = [plan for plan in plans.values() if plan.seconds is not None]
    totals = [cost.seconds for cost in costs if cost.seconds is not None]
    return SweepPlan(
        checkpoints=tuple(costs),
        workers=workers,
        memory_bytes=workers * max((cost.memory_bytes for cost in costs), default=0),
        available_bytes=min((plan.available_bytes for plan in plans.values() if plan.available_bytes), default=None),
        disk_bytes=workers * max((cost.disk_bytes for cost in costs), default=0) + sum(c.kept_bytes for c in costs),
        free_disk_bytes=min((plan.free_disk_bytes for plan in plans.values()), default=0),
        seconds=(sum(low for low, _ in totals) / workers, sum(high for _, high in totals) / workers) if known else None,
    )


def _planned(
    runs: Sequence[PlannedRun],
    config_of: Callable[[PlannedRun], LocateConfig],
    opened: Callable[[str, bool], Checkpoint],
    out: Path,
    plans: dict[_Shape, Plan],
    trial: bool,
) -> list[Plan]:
    """One a run; what was planned for a model of the same shape and tokenizer, asked alike, is taken over."""
    spec = runs[0].checkpoint
    checkpoint, weighed = opened(spec, False), False
    shape = (type(checkpoint.model), checkpoint.n_layers, checkpoint.d_model, checkpoint.identity.tokenizer_sha256)
    for run in runs:
        asked = (*shape, run.framing, run.items)
        if asked in plans:
            continue
        if trial and not weighed:
            checkpoint, weighed = opened(spec, True), True
        plans[asked] = plan_locate(checkpoint, config_of(run), out, items=run.items, trial=trial)
    return [plans[*shape, run.framing, run.items] for run in runs]


def _cost(spec: str, runs: Sequence[PlannedRun], made: int, plans: Sequence[Plan], out: Path) -> CheckpointCost:
    missing = [plan for run, plan in zip(runs, plans, strict=True) if not is_made(out / run.key)]
    seconds = [plan.seconds for plan in missing if plan.seconds is not None]
    return CheckpointCost(
        checkpoint=spec,
        runs=len(runs),
        made=made,
        memory_bytes=max(plan.memory_bytes for plan in plans),
        disk_bytes=max(plan.disk_bytes for plan in plans),
        kept_bytes=sum(plan.kept_bytes for plan in plans),
        seconds=(sum(low for low, _ in seconds), sum(high for _, high in seconds))
        if any(plan.seconds is not None for plan in plans)
        else None,
    )
