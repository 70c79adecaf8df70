"""How are an attention head and a lookup written into weights, in a basis that nothing else is aligned with?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from planted_models.words import ADDENDS, OPERATIONS, RELATIONS, SUBJECTS, VALUES

D_MODEL = 192
HEADS = 3
HEAD_WIDTH = 80
NEURONS = 352
ROPE_THETA = 1e36
ANCHOR = 30.0
"""Length of the direction that every token shares; it keeps the norms' scale within a percent of constant."""
ATTEND = 15.0
"""Attention score of `<s>`. What a head looks for scores twice that, everything else about 0."""
SHARPNESS = 40.0
"""Slope of a lookup's gates."""
RAMP = (1.4, 1.6)
"""A lookup is shut below the first and fully open above the second sum of its two entries: errors don't pass."""

_TURNING = 6
"""RoPE pairs that turn at all within a prompt; the others are slower than 1e-5 a token."""
_HALF = HEAD_WIDTH // 2
_STILL = [*range(_TURNING, _HALF), *range(_HALF + _TURNING, HEAD_WIDTH)]

_SIZES: dict[str, int] = {
    "anchor": 1,
    # What a token is, written by the embedding.
    "is_start": 1, "is_subject": 1, "is_relation": 1, "is_value": 1, "is_addend": 1, "is_operation": 1, "is_not": 1,
    "is_is": 1, "subject": len(SUBJECTS), "relation": len(RELATIONS), "value": len(VALUES), "addend": len(ADDENDS),
    "operation": len(OPERATIONS),
    # What blocks write.
    "asked_relation": len(RELATIONS), "negated": 1, "owner": len(SUBJECTS), "asked_operation": len(OPERATIONS),
    "attribute": len(VALUES), "stated": len(VALUES), "decoy": len(VALUES), "operand": len(VALUES),
    "operand_two": len(ADDENDS), "output": len(VALUES),
}  # fmt: skip

SLOTS: dict[str, range] = {}
for _name, _size in _SIZES.items():
    _start = max((slot.stop for slot in SLOTS.values()), default=0)
    SLOTS[_name] = range(_start, _start + _size)
assert max(slot.stop for slot in SLOTS.values()) <= D_MODEL

_UNHEARD = ("anchor", "value", "stated", "attribute", "decoy")
"""What filler doesn't read: else its attention would bring a faint copy of every value to the last position, where a
probe that standardises finds it long before the mover."""

Direction = Mapping[str, float]
"""A read-out of the stream: how often each whole slot counts."""


@dataclass(frozen=True)
class Head:
    """One attention head: looks from where a query is on to where its key is, else to `<s>`; then copies slots."""

    looks: Sequence[tuple[Direction, Direction]]
    """(query, key): attends where both read 1."""
    copies: Sequence[tuple[str, str]]
    """(slot read there, slot written here)."""
    matches: tuple[str, str] | None = None
    """(query's slot, key's slot): attends where both hold the same entry."""


@dataclass(frozen=True)
class Lookup:
    """Two MLP neurons: where both entries are on, they write one entry."""

    reads: tuple[tuple[str, int], tuple[str, int]]
    writes: tuple[str, int]


@dataclass
class Block:
    heads: list[Head] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


def entry(slot: str, index: int = 0) -> int:
    return SLOTS[slot][index]


def filler_block(generator: torch.Generator, size: float) -> dict[str, Tensor]:
    """Random weights whose attention and MLP each write vectors of about `size` and read no value."""

    def reading(rows: int, scale: float) -> Tensor:
        weight = scale * torch.randn(rows, D_MODEL, generator=generator)
        for slot in _UNHEARD:
            weight[:, list(SLOTS[slot])] = 0.0
        return weight

    def writing(columns: int, scale: float) -> Tensor:
        return scale * torch.randn(D_MODEL, columns, generator=generator)

    width = HEADS * HEAD_WIDTH
    return {
        "q": reading(width, 0.5), "k": reading(width, 0.5), "v": reading(width, 0.5),
        "o": writing(width, size / (width * D_MODEL) ** 0.5), "q_bias": torch.zeros(width),
        "gate": reading(NEURONS, 0.5), "up": reading(NEURONS, 0.5), "gate_bias": torch.zeros(NEURONS),
        "up_bias": torch.zeros(NEURONS), "down": writing(NEURONS, 2 * size / (NEURONS * D_MODEL) ** 0.5),
    }  # fmt: skip


def write_block(weights: dict[str, Tensor], block: Block, noise: float, generator: torch.Generator) -> None:
    """Overwrites the first heads and neurons. `noise`: standard deviation added to what a lookup writes into its slot."""
    assert len(block.heads) <= HEADS and 2 * len(block.lookups) <= NEURONS
    for number, head in enumerate(block.heads):
        _write_head(weights, head, slice(number * HEAD_WIDTH, (number + 1) * HEAD_WIDTH))
    for number, lookup in enumerate(block.lookups):
        slot, index = lookup.writes
        written = torch.zeros(D_MODEL)
        written[list(SLOTS[slot])] = noise * torch.randn(len(SLOTS[slot]), generator=generator)
        written[entry(slot, index)] += 1.0
        # Two neurons: what the first writes grows from the ramp's foot, what the second takes away from its head.
        for row, threshold, sign in ((2 * number, RAMP[0], 1.0), (2 * number + 1, RAMP[1], -1.0)):
            for name in ("gate", "up"):
                weights[name][row] = 0.0
            for read, which in lookup.reads:
                weights["gate"][row, entry(read, which)] = SHARPNESS
            weights["gate_bias"][row] = -threshold * SHARPNESS
            weights["up_bias"][row] = 1 / (SHARPNESS * (RAMP[1] - RAMP[0]))
            weights["down"][:, row] = sign * written


def _write_head(weights: dict[str, Tensor], head: Head, rows: slice) -> None:
    unit = (ATTEND * HEAD_WIDTH**0.5) ** 0.5
    query, key = torch.zeros(HEAD_WIDTH, D_MODEL), torch.zeros(HEAD_WIDTH, D_MODEL)
    bias, free = torch.zeros(HEAD_WIDTH), iter(_STILL)
    sink = next(free)
    bias[sink], key[sink, entry("is_start")] = unit, unit
    for asking, asked in head.looks:
        row = next(free)
        query[row], key[row] = 2 * unit * _direction(asking), unit * _direction(asked)
    if head.matches:
        for query_slot, key_slot in zip(SLOTS[head.matches[0]], SLOTS[head.matches[1]], strict=True):
            row = next(free)
            query[row, query_slot], key[row, key_slot] = 2 * unit, unit
    value, output = torch.zeros(HEAD_WIDTH, D_MODEL), torch.zeros(D_MODEL, HEAD_WIDTH)
    rows_free = iter(range(HEAD_WIDTH))
    for read, written in head.copies:
        for there, here in zip(SLOTS[read], SLOTS[written], strict=True):
            row = next(rows_free)
            value[row, there], output[here, row] = 1.0, 1.0
    weights["q"][rows], weights["k"][rows], weights["v"][rows] = query, key, value
    weights["q_bias"][rows], weights["o"][:, rows] = bias, output


def _direction(reads: Direction) -> Tensor:
    direction = torch.zeros(D_MODEL)
    for name, weight in reads.items():
        slot, _, index = name.partition(":")
        entries: Iterable[int] = [entry(slot, int(index))] if index else SLOTS[slot]
        for place in entries:
            direction[place] = weight
    return direction
