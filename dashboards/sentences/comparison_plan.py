"""What does a comparison need, before it is begun? Models, memory, and a row a kind of GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strata.dashboards.number_formats import size_text
from strata.experiments.compare.comparison_plan import MOST_GPUS, ComparisonPlan

TITLE = "Planned, not measured:"
HEADS = ("GPU", "GPUs", "one at a time", "hours", "most of it")
SPEEDS = (
    "Hours come from speeds that are assumed for the most part, so they are wide ranges. Several GPUs hold the blocks of a model among them and work one after "
    "the other (--device-map auto): more of them are no faster."
)
"""Stands beneath the table."""


def plan_lines(plan: ComparisonPlan) -> Iterator[str]:
    """Above the table."""
    for role, spec in plan.models.items():
        size = f"{plan.parameters[role] / 1e9:,.2f} G parameters, {size_text(plan.weight_bytes[role])} in bfloat16"
        yield f"{role}: {spec}, {size}"
    yield (
        f"{plan.items} items, {plan.prompt_tokens:,} tokens a pass (counted by the tokenizer of {plan.counted_with}); "
        f"{plan.problems} problems with generated answers of at most {plan.generated_tokens:,} tokens"
    )
    yield (
        f"memory: {size_text(plan.memory_bytes)} at once, {size_text(plan.memory_one_at_a_time)} with --one-at-a-time, "
        f"which leaves layer swaps out; disk: {size_text(plan.disk_bytes)} of weights"
    )
    for role, left in plan.no_room.items():
        yield (
            f"{role}: its context leaves {max(0, left):,} tokens for an answer, so its generated answers are excluded; "
            "give fewer --generated-tokens"
        )


def plan_rows(plan: ComparisonPlan) -> list[tuple[str, ...]]:
    """Under `HEADS`."""
    return [
        (on.kind, _count(on.gpus), _count(on.gpus_one_at_a_time), _hours(on.hours), _most(on.hours_by_part))
        for on in plan.on
    ]


def _count(gpus: int | None) -> str:
    return f"more than {MOST_GPUS}" if gpus is None else str(gpus)


def _hours(hours: tuple[float, float]) -> str:
    low, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in hours)
    return f"{low} to {high}"


def _most(hours: Mapping[str, float]) -> str:
    total = sum(hours.values())
    largest = sorted(hours.items(), key=lambda part: -part[1])[:2]
    return ", ".join(f"{part} {value / total:.0%}" for part, value in largest)
