"""What the interventions say of one family of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from strata.experiments.items.schema import Kind
from strata.experiments.results.reasons import NotCounted, WhyNotPlaced
from strata.experiments.results.record import Finite, Measured, Record
from strata.probes.interventions.cells import Cell

Role = Literal["prepares", "in-part", "makes", "relays", "open"]
Coding = Literal["codes", "in-part", "no", "untestable"]
Extent = Literal["blocks", "spread"]
Reading = Literal["additive", "in-series", "together"]


class Codes(Record):
    """Does what a window adds differ between prompts as their answers do?"""

    slope: Finite | None
    """1: its differences are those of the answers alone; 0: they have nothing of them. None: untestable."""
    p: float | None
    """Of a slope as large with the answers permuted among the pairs."""
    couples: int
    """Couples of pairs with different inputs that share an answer or cross one."""
    verdict: Coding


class ReadOut(Record):
    """Does what a window adds push the answer through the unembedding?"""

    margin: Measured
    """Logits answer − foil of the clean run beyond the counterfactual one, final norm frozen."""
    p: float
    """Of a margin as large when the sign of each cluster is drawn by lot."""


class Locus(Record):
    """A smallest window of a cell that reaches 80 % of the whole cell's effect."""

    cell: Cell
    first: int
    last: int
    effect: Finite
    carrying: tuple[int, ...]
    """Its blocks that carry at least a tenth of its effect."""
    codes: Codes
    read_out: ReadOut | None = None
    necessity: Measured | None = None
    """Share of the margin of the answer over unrelated ones that is lost when other items' pieces stand there."""
    role: Role


class Place(Record):
    """Where the answer of a family is made."""

    cell: Cell
    first: int
    last: int
    interval: tuple[int, int]
    """95 % interval of the first and of the last block, the whole rule redone in every draw of clusters."""
    extent: Extent
    depth: float
    """Of its middle: (block + ½) / number of blocks."""
    support: float
    """Share of draws in which this cell makes the answer."""
    reading: Reading | None = None


class CellResult(Record):
    """One cell of a family."""

    effect: Measured | None
    """Of the whole cell: mean of denoise and noise. None: not measured."""
    denoise: Measured | None = None
    noise: Measured | None = None
    necessity: Measured | None = None
    install: Measured | None = None
    """Effect beyond that of a donor with a third answer, whole cell."""
    install_p: float | None = None
    """Max-T over the cell's windows, Holm over cells; None: no donor with a third answer."""
    counts: bool
    why_not: NotCounted | None = None
    reading: Reading | None = None
    cut: Measured | None = None
    """(up + down) / whole − 1 at the largest cut: below 0 parts back each other up, 0 they add up, 1 each does as much as all."""
    profile: tuple[Finite | None, ...] = ()
    """By block: how much of the whole effect is gained there, mean of the curve from below and the one from above."""


class HeadResult(Record):
    """One attention head of `move` or `gather`."""

    cell: Cell
    layer: int
    head: int
    effect: Measured
    p: float
    """Max-T over the heads measured."""
    install: Finite | None = None
    codes: Codes | None = None
    attention: Finite | None = None
    """Attention paid by the last token to the span's last token, mean over clean prompts."""


class HeadSet(Record):
    """Heads added greedily on one half of the pairs, scored on the other."""

    cell: Cell
    heads: tuple[tuple[int, int], ...]
    """(block, head), in the order in which they were added."""
    effect_of_choice: Finite
    effect: Measured
    """On the pairs that took no part in the choice."""


class Handover(Record):
    """Blocks over which what the stream carries passes from the span to the last position."""

    first: int
    last: int


class FamilyResult(Record):
    """`families.<name>` of summary.json."""

    kind: Kind
    pairs: int
    """Pairs that both prompts of which are answered by a margin, and that were intervened on."""
    entities: int
    answers: int
    offered: int
    """Aligned pairs that the item file offers."""
    answered_both: float | None
    """Of the pairs whose clean prompt is answered and whose counterfactual one was asked: share of those that are answered there
    too, by a margin."""
    contrast: str | None = None
    """What a control is matched to."""
    span: str | None = None
    """The replaced span; None: nothing but the last position is read."""
    place: Place | None = None
    place_in_part: Place | None = None
    """Where the answer is made if coding in part is enough; None: the same place."""
    why_not_placed: WhyNotPlaced | None = None
    loci: tuple[Locus, ...] = ()
    cells: Mapping[Cell, CellResult] = Field(default_factory=dict)
    heads: tuple[HeadResult, ...] = ()
    head_sets: tuple[HeadSet, ...] = ()
    knockout: Measured | None = None
    """Share of the logit difference lost when the last token may not look at the span in the blocks of `move`'s first locus."""
    handover: Handover | None = None
    attribution: Mapping[Cell, Finite] = Field(default_factory=dict)
    """Rank correlation over blocks of the direct logit attribution of a cell with its effect."""
    looks: int = 1
    """How often pairs were added before the hull of the place was narrow enough, or none were left."""

    def is_place(self, locus: Locus) -> bool:
        """Whether it is the locus that the place is of."""
        return self.place is not None and locus.role == "makes" and locus.cell == self.place.cell

    def as_placed(self, locus: Locus) -> Locus:
        """With the blocks of the place where it is the place's own."""
        if self.place is None or not self.is_place(locus):
            return locus
        return locus.model_copy(update={"first": self.place.first, "last": self.place.last})
