"""What a built-in family is: a named, seeded source of minimal pairs of one kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from strata.experiments.items.schema import Item, Kind

TokenLength = Callable[[str], int]
"""Number of tokens of a text under the checkpoint's tokenizer; lets a family pick partners of equal length."""


class Build(Protocol):
    def __call__(
        self, *, seed: int, n: int, difficulty: int | None = None, token_length: TokenLength | None = None
    ) -> list[Item]:
        """At most `n` items, the same for the same arguments; fewer when the family has no more to give.

        With `token_length`, partners of equal prompt length are preferred; without it, equal word counts.
        """
        ...


@dataclass(frozen=True)
class Family:
    name: str
    """Unique name, as in the items' `family`."""
    kind: Kind
    """What answering takes."""
    domain: str
    """Subject area: geography, medicine, arithmetic, …"""
    about: str
    """One sentence for `strata items list`."""
    build: Build
    """Makes the items."""
    difficulties: tuple[int, ...] = ()
    """Difficulties, easiest first; empty when there is none."""
