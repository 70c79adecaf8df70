"""What does a sweep need, before one of its runs is begun?"""

from __future__ import annotations

from collections.abc import Iterator

from strata.dashboards.number_formats import count, seconds_text, size_text
from strata.experiments.sweep.cost_plan import CheckpointCost, SweepPlan

TITLE = "Planned:"
HEADS = ("checkpoint", "runs", "made", "memory", "kept", "time", "")
"""Of its table; the last: why a checkpoint can't be planned for."""


def plan_rows(plan: SweepPlan) -> list[list[str]]:
    """Under `HEADS`."""
    return [_row(cost) for cost in plan.checkpoints]


def plan_lines(plan: SweepPlan) -> Iterator[str]:
    """Beneath the table."""
    free = f" of {size_text(plan.available_bytes)} free" if plan.available_bytes else ""
    yield (
        f"{count(plan.runs, 'run')}, {plan.made} made already; {plan.workers} at a time: {size_text(plan.memory_bytes)} of memory{free}, "
        f"{size_text(plan.disk_bytes)} of disk ({size_text(plan.free_disk_bytes)} free), {_time(plan.seconds)}"
    )
    yield f"fits: {'yes' if plan.fits else 'no; fewer --workers, or a smaller question'}"


def _row(cost: CheckpointCost) -> list[str]:
    if cost.why_not:
        return [cost.checkpoint, str(cost.runs), str(cost.made), "–", "–", "–", cost.why_not]
    return [
        cost.checkpoint, str(cost.runs), str(cost.made), size_text(cost.memory_bytes), size_text(cost.kept_bytes),
        _time(cost.seconds), "",
    ]  # fmt: skip


def _time(seconds: tuple[float, float] | None) -> str:
    if seconds is None:
        return "time unknown without a trial"
    low, high = seconds
    return f"{seconds_text(low)} to {seconds_text(high)}"
