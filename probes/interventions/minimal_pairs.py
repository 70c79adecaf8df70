"""Minimal pairs as interventions need them: two prompts that line up token by token, and the two scored tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.prompts.alignment import Encoded, Question
from strata.probes.prompts.prompt import Prompt

ALL = "all"
"""Position group: every token from the first that differs on, edited at once."""
SPAN = "span"
"""Position group: the end of the replaced span, whatever it is called."""
_WHOLE = 4
"""Tokens of whole prompts a batch may hold for each token that is recomputed: their keys and values are all kept."""


class Target(Protocol):
    """A prompt that is edited from one of its tokens on: the clean one of a pair, or one by itself."""

    @property
    def key(self) -> str: ...
    @property
    def clean(self) -> Prompt: ...
    @property
    def answer_id(self) -> int: ...
    @property
    def foil_id(self) -> int | None: ...
    @property
    def group(self) -> str: ...
    @property
    def first_difference(self) -> int: ...
    @property
    def reach(self) -> int: ...


@dataclass(frozen=True)
class Single:
    """A prompt without a counterfactual one."""

    key: str
    clean: Prompt
    """Answered by `answer_id`."""
    answer_id: int
    foil_id: int | None
    """What the answer is held against; None: nothing."""
    group: str
    """Prompts that are donors of each other."""

    @property
    def first_difference(self) -> int:
        """The second token: the first carries an activation that the model can't do without, whatever it reads."""
        return min(1, len(self.clean.ids) - 1)

    @property
    def reach(self) -> int:
        """Number of tokens from there to the end."""
        return len(self.clean.ids) - self.first_difference


@dataclass(frozen=True)
class Pair:
    key: str
    clean: Prompt
    """Answered by `answer_id`."""
    foil: Prompt
    """Same length, same named positions; answered by `foil_id`."""
    answer_id: int
    foil_id: int
    group: str
    """Pairs that are donors of each other: the same task, so a donor is of the same class."""

    def __post_init__(self) -> None:
        if len(self.clean.ids) != len(self.foil.ids) or self.clean.positions != self.foil.positions:
            raise StrataError(f"The prompts of pair {self.key!r} don't line up", "Leave it out of interventions")
        if self.clean.ids == self.foil.ids:
            raise StrataError(f"The prompts of pair {self.key!r} are the same", "Leave it out of interventions")

    @property
    def first_difference(self) -> int:
        """Index of the first token that differs: no edit before it can matter, both runs are the same there."""
        return next(index for index, (a, b) in enumerate(zip(self.clean.ids, self.foil.ids, strict=True)) if a != b)

    @property
    def reach(self) -> int:
        """Number of tokens from the first difference to the end."""
        return len(self.clean.ids) - self.first_difference

    @property
    def replaced_end(self) -> int | None:
        """Where the replaced span ends: the first named position at or behind the last token that differs; None: there is none
        before the last token."""
        differing = max(index for index, (a, b) in enumerate(zip(self.clean.ids, self.foil.ids, strict=True)) if a != b)
        end = len(self.clean.ids) - 1
        places = [place for name, place in self.clean.positions.items() if name != "last" and differing <= place < end]
        return min(places, default=None)

    def swapped(self) -> Pair:
        """The same pair with the roles of clean and foil exchanged."""
        return Pair(self.key, self.foil, self.clean, self.foil_id, self.answer_id, self.group)


def pair_of(encoded: Encoded[Question], group: str) -> Pair:
    """An aligned item as interventions need it."""
    assert encoded.foil_prompt is not None
    assert encoded.foil_id is not None
    return Pair(encoded.key, encoded.prompt, encoded.foil_prompt, encoded.answer_id, encoded.foil_id, group)


def batches_of(pairs: Sequence[Target], tokens: int) -> Iterator[list[int]]:
    """Indices of pairs that share a batch: one group each (so that donors are at hand), alike in reach and length.

    `tokens` bounds batch size × reach, which the memory of a sweep grows with; batch size × length, which that of a recording
    grows with, is bounded by four times as many.
    """
    by_group: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        by_group[pair.group].append(index)
    for members in by_group.values():
        members.sort(key=lambda index: (pairs[index].reach, len(pairs[index].clean.ids), index))
        batch: list[int] = []
        longest = 0
        for index in members:
            length = len(pairs[index].clean.ids)
            size = len(batch) + 1
            if batch and (size * pairs[index].reach > tokens or size * max(longest, length) > _WHOLE * tokens):
                yield batch
                batch, longest = [], 0
            batch.append(index)
            longest = max(longest, length)
        yield batch


def reach_columns(pairs: Sequence[Target], n_columns: int) -> Int[Tensor, "item position"]:
    """The columns of group `all` in left-padded rows: the last `reach` of each row.

    A row that reaches less far than the longest repeats its first column; an edit may name a place twice.
    """
    longest = max(pair.reach for pair in pairs)
    columns = torch.arange(n_columns - longest, n_columns).expand(len(pairs), longest)
    first = torch.tensor([[n_columns - pair.reach] for pair in pairs])
    return torch.maximum(columns, first)
