"""Families of one kind that are made alike, at blocks of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strata.experiments.calibrate.construction import FamilyPlan, Where
from strata.experiments.items.schema import KnowledgeOrReasoning

KNOWLEDGE = ("emblem", "patron", "harvest", "anthem")
REASONING = ("plus", "times", "minus", "over")
At = int | tuple[int, ...]


def plans(
    kind: KnowledgeOrReasoning,
    blocks: Sequence[At],
    movers: int | Sequence[int],
    *,
    where: Where,
    controls: int = 2,
    control: int | None = None,
    **options: Any,
) -> tuple[FamilyPlan, ...]:
    """One family an entry of `blocks`; the first `controls` have a matched control, copied by block `control`, else by
    the family's mover."""
    names = KNOWLEDGE if kind == "knowledge" else REASONING
    made = []
    for number, (name, at) in enumerate(zip(names, blocks, strict=False)):
        mover = movers if isinstance(movers, int) else movers[number]
        copier = (mover if control is None else control) if number < controls else None
        at_blocks = (at,) if isinstance(at, int) else at
        made.append(FamilyPlan(name, kind, where, at_blocks, mover, control=copier, **options))
    return tuple(made)


def facts(blocks: Sequence[At], movers: int | Sequence[int], *, where: Where = "subject", **options: Any) -> tuple[FamilyPlan, ...]:  # fmt: skip
    return plans("knowledge", blocks, movers, where=where, **options)


def sums(blocks: Sequence[At], movers: int | Sequence[int], *, where: Where = "last", **options: Any) -> tuple[FamilyPlan, ...]:  # fmt: skip
    return plans("reasoning", blocks, movers, where=where, **options)
