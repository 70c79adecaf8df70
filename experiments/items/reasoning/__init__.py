"""Every reasoning family: questions whose facts all stand in the prompt."""

from __future__ import annotations

from strata.experiments.items.family import Family
from strata.experiments.items.reasoning import arithmetic, binding, lists, logic, products

FAMILIES: tuple[Family, ...] = tuple(
    task.family() for module in (arithmetic, lists, logic, binding, products) for task in module.TASKS
)

__all__ = ["FAMILIES"]
