"""Which blocks of the embedded model are plants put into? Windows of one, three and six, at all depths, in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from strata.probes.errors import StrataError

_MOVED_BY, _BROUGHT_BY = 20, 20
"""Blocks of the embedded model up to which what is written at an entity still reaches the last position, and from which the entity is
known there."""


@dataclass(frozen=True)
class EmbeddedPlan:
    """One model: invented facts in some neighbouring blocks, invented operations in others."""

    facts: tuple[int, int]
    """First and last block whose down-projections are trained on the facts."""
    operations: tuple[int, int]

    @property
    def name(self) -> str:
        return f"facts-{_blocks(self.facts)}-operations-{_blocks(self.operations)}"

    def position(self, kind: str) -> Literal["span", "last"]:
        """Where the change has to be enough by itself: at the entity, or where the answer is said if little attention follows."""
        blocks = self.blocks(kind)
        if kind == "knowledge":
            return "span" if blocks[-1] <= _MOVED_BY else "last"
        return "last" if blocks[0] >= _BROUGHT_BY else "span"

    @property
    def width(self) -> int:
        return self.facts[1] - self.facts[0] + 1

    def blocks(self, kind: str) -> range:
        first, last = self.facts if kind == "knowledge" else self.operations
        return range(first, last + 1)


def _blocks(window: tuple[int, int]) -> str:
    return f"{window[0]}" if window[0] == window[1] else f"{window[0]}-{window[1]}"


_ONE = ((8, 20), (4, 14), (12, 24))
_THREE = ((7, 19), (3, 12))
_SIX = ((4, 18),)
"""First blocks of two windows; each couple is planted in both orders."""

SWEEP: tuple[EmbeddedPlan, ...] = tuple(
    EmbeddedPlan((facts, facts + width - 1), (operations, operations + width - 1))
    for width, couples in ((1, _ONE), (3, _THREE), (6, _SIX))
    for low, high in couples
    for facts, operations in ((low, high), (high, low))
)


def plans_named(names: Sequence[str]) -> tuple[EmbeddedPlan, ...]:
    """Those of the sweep whose name contains one of `names`, all where none is given. Raises StrataError for no plan."""
    chosen = tuple(plan for plan in SWEEP if not names or any(name in plan.name for name in names))
    if not chosen:
        raise StrataError(
            f"No plant is named like {', '.join(names)}", "Choose among: " + ", ".join(p.name for p in SWEEP)
        )
    return chosen
