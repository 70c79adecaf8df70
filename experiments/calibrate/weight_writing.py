"""How are an attention head and a lookup written into weights, in a basis that nothing else is aligned with?

A stream is divided into slots; a symbol of a slot is a direction in it. Heads copy slots from one position to another,
lookups (two neurons each) write a symbol where all symbols that they read are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.calibrate.planted_part import PlantedPart

ROPE_THETA = 1e36
ANCHOR = 30.0
"""Length of the direction that every token shares; it keeps the norms' scale within a few percent of constant."""
ATTEND = 15.0
"""Attention score of `<s>`. What a head looks for scores twice that, everything else about 0."""
SHARPNESS = 40.0
"""Slope of a lookup's gates."""
RAMP = (0.6, 0.4)
"""Below the number of symbols that are read: a lookup is shut under n − .6 and fully open from n − .4 on, so that
errors of its inputs don't pass."""
_TURNING = 6
"""RoPE pairs that turn at all within a prompt; the others are slower than 1e-5 a token."""

Direction = Mapping[str, float]
"""A read-out of the stream: how often each slot (all its entries), or each symbol (`slot:index`), counts."""
Symbol = tuple[str, int]
Component = Literal["attention", "mlp"]


@dataclass(frozen=True)
class Code:
    """The directions of a slot's symbols where they are not its axes."""

    written: Float[Tensor, "symbol d_model"]
    """What writing a symbol adds to the stream (before the basis is turned); may reach into other slots."""
    read: Float[Tensor, "symbol d_model"]
    """What reading a symbol projects on: 1 on the symbol itself, 0 on the slot's others."""


@dataclass(frozen=True)
class Layout:
    """How a stream is divided into slots, and what it costs to hold them."""

    slots: Mapping[str, range]
    d_model: int
    heads: int
    head_width: int
    neurons: int
    unheard: tuple[str, ...] = ()
    """Slots that filler doesn't read. The anchor has to be among them."""
    unwritten: tuple[str, ...] = ()
    """Slots that filler doesn't write."""
    codes: Mapping[str, Code] = field(default_factory=dict)
    """Slots whose symbols are not its axes."""

    @staticmethod
    def divided(sizes: Mapping[str, int]) -> dict[str, range]:
        ends = list(accumulate(sizes.values()))
        return {name: range(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    def symbols(self, slot: str) -> int:
        return len(self.codes[slot].written) if slot in self.codes else len(self.slots[slot])

    def entry(self, slot: str, index: int = 0) -> int:
        return self.slots[slot][index]

    def written(self, slot: str, index: int) -> Float[Tensor, " d_model"]:
        return self.codes[slot].written[index] if slot in self.codes else self._axis(slot, index)

    def read(self, slot: str, index: int) -> Float[Tensor, " d_model"]:
        return self.codes[slot].read[index] if slot in self.codes else self._axis(slot, index)

    def direction(self, reads: Direction) -> Float[Tensor, " d_model"]:
        direction = torch.zeros(self.d_model)
        for name, weight in reads.items():
            slot, _, index = name.partition(":")
            for symbol in [int(index)] if index else range(self.symbols(slot)):
                direction += weight * self.read(slot, symbol)
        return direction

    def _axis(self, slot: str, index: int) -> Float[Tensor, " d_model"]:
        axis = torch.zeros(self.d_model)
        axis[self.entry(slot, index)] = 1.0
        return axis


@dataclass(frozen=True)
class Head:
    """One attention head: looks from where a query is on to where its key is, else to `<s>`; then copies."""

    looks: Sequence[tuple[Direction, Direction]]
    """(query, key): attends where both read 1."""
    copies: Sequence[tuple[str, str]]
    """(slot read there, slot written here), symbol by symbol."""
    matches: tuple[str, str] | None = None
    """(query's slot, key's slot): attends where both hold the same symbol."""
    table: Sequence[tuple[Symbol, Symbol]] = ()
    """(symbol read there, symbol written here): a lookup by the output-value circuit."""
    size: float = 1.0
    """What an entry of the table writes, in units of the answer."""
    part: PlantedPart | None = None
    """Which planted part this belongs to, for taking it out again."""


@dataclass(frozen=True)
class Lookup:
    """Two MLP neurons: where all symbols are there, they write."""

    reads: tuple[Symbol, ...]
    writes: tuple[Symbol, ...]
    size: float = 1.0
    unless: str | None = None
    """A slot in which any symbol keeps this lookup shut."""
    part: PlantedPart | None = None
    """Which planted part this belongs to, for taking it out again."""


@dataclass
class Block:
    heads: list[Head] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


def filler_block(
    layout: Layout, generator: torch.Generator, size: float, spare: float | None = None
) -> dict[str, Tensor]:
    """Random weights whose attention and MLP each write vectors of about `size`, and read no slot of `layout.unheard`.

    `spare`: the length of what they write into the slot of that name, where it isn't a share of `size` like any other.
    """

    def reading(rows: int, scale: float) -> Tensor:
        weight = scale * torch.randn(rows, layout.d_model, generator=generator)
        for slot in layout.unheard:
            weight[:, list(layout.slots[slot])] = 0.0
        return weight

    def writing(columns: int, scale: float) -> Tensor:
        weight = scale * torch.randn(layout.d_model, columns, generator=generator)
        for slot in layout.unwritten:
            weight[list(layout.slots[slot])] = 0.0
        if spare is not None and size:
            rows = list(layout.slots["spare"])
            weight[rows] *= spare / size * (layout.d_model / len(rows)) ** 0.5
        return weight

    width = layout.heads * layout.head_width
    return {
        "q": reading(width, 0.5), "k": reading(width, 0.5), "v": reading(width, 0.5),
        "o": writing(width, size / (width * layout.d_model) ** 0.5), "q_bias": torch.zeros(width),
        "gate": reading(layout.neurons, 0.5), "up": reading(layout.neurons, 0.5),
        "gate_bias": torch.zeros(layout.neurons), "up_bias": torch.zeros(layout.neurons),
        "down": writing(layout.neurons, 2 * size / (layout.neurons * layout.d_model) ** 0.5),
    }  # fmt: skip


def write_block(
    layout: Layout, weights: dict[str, Tensor], block: Block, noise: float, generator: torch.Generator
) -> None:
    """Overwrites the first heads and neurons. `noise`: standard deviation added to what a lookup writes into its slot."""
    assert len(block.heads) <= layout.heads and 2 * len(block.lookups) <= layout.neurons
    for number, head in enumerate(block.heads):
        _write_head(layout, weights, head, slice(number * layout.head_width, (number + 1) * layout.head_width), noise, generator)  # fmt: skip
    for number, lookup in enumerate(block.lookups):
        written = lookup.size * _blurred(layout, lookup.writes, noise, generator)
        foot, head_ = (len(lookup.reads) - below for below in RAMP)
        # Two neurons: what the first writes grows from the ramp's foot, what the second takes away from its head.
        for row, threshold, sign in ((2 * number, foot, 1.0), (2 * number + 1, head_, -1.0)):
            for name in ("gate", "up"):
                weights[name][row] = 0.0
            for read, which in lookup.reads:
                weights["gate"][row] += SHARPNESS * layout.read(read, which)
            if lookup.unless is not None:
                weights["gate"][row] -= SHARPNESS * layout.direction({lookup.unless: 1.0})
            weights["gate_bias"][row] = -threshold * SHARPNESS
            weights["up_bias"][row] = 1 / (SHARPNESS * (RAMP[0] - RAMP[1]))
            weights["down"][:, row] = sign * written


def columns_of(layout: Layout, block: Block, part: PlantedPart) -> dict[Component, list[int]]:
    """Columns of the two matrices of `block` that write to the stream, which belong to `part`."""
    width = layout.head_width
    heads = [number for number, head in enumerate(block.heads) if head.part == part]
    lookups = [number for number, lookup in enumerate(block.lookups) if lookup.part == part]
    return {
        "attention": [column for number in heads for column in range(number * width, (number + 1) * width)],
        "mlp": [column for number in lookups for column in (2 * number, 2 * number + 1)],
    }


def _blurred(
    layout: Layout, symbols: Sequence[Symbol], noise: float, generator: torch.Generator
) -> Float[Tensor, " d_model"]:
    (slot,) = {slot for slot, _ in symbols}
    written = torch.zeros(layout.d_model)
    written[list(layout.slots[slot])] = noise * torch.randn(len(layout.slots[slot]), generator=generator)
    return written + sum(layout.written(slot, index) for _, index in symbols)


def _write_head(
    layout: Layout, weights: dict[str, Tensor], head: Head, rows: slice, noise: float, generator: torch.Generator
) -> None:
    width, half = layout.head_width, layout.head_width // 2
    still: Iterable[int] = (*range(_TURNING, half), *range(half + _TURNING, width))
    unit = (ATTEND * width**0.5) ** 0.5
    query, key = torch.zeros(width, layout.d_model), torch.zeros(width, layout.d_model)
    bias, free = torch.zeros(width), iter(still)
    sink = next(free)
    bias[sink], key[sink, layout.entry("is_start")] = unit, unit
    for asking, asked in head.looks:
        row = next(free)
        query[row], key[row] = 2 * unit * layout.direction(asking), unit * layout.direction(asked)
    if head.matches:
        here, there = head.matches
        for symbol in range(layout.symbols(here)):
            row = next(free)
            query[row], key[row] = 2 * unit * layout.read(here, symbol), unit * layout.read(there, symbol)
    value, output = torch.zeros(width, layout.d_model), torch.zeros(layout.d_model, width)
    rows_free = iter(range(width))
    for read, written in head.copies:
        for symbol in range(layout.symbols(read)):
            row = next(rows_free)
            value[row], output[:, row] = layout.read(read, symbol), layout.written(written, symbol)
    # One row a symbol that is read: what it writes is blurred for each of them by itself.
    for read_symbol, written_symbol in head.table:
        row = next(rows_free)
        value[row] = layout.read(*read_symbol)
        output[:, row] = head.size * _blurred(layout, [written_symbol], noise, generator)
    weights["q"][rows], weights["k"][rows], weights["v"][rows] = query, key, value
    weights["q_bias"][rows], weights["o"][:, rows] = bias, output
