"""What is planted in a model: for each family where its answers are made, by which blocks, and what else is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from strata.experiments.calibrate.written_types import WRITTEN_TYPES, Architecture
from strata.experiments.items.schema import KnowledgeOrReasoning

Half = Literal["tune", "judge", "effects"]
"""Seen while the rule was made; never; or made to ask how small a share of an answer is seen."""
Where = Literal["subject", "last", "subject attention", "last attention"]
"""Who looks the answer up: the MLP or the attention, at the replaced span or at the last position."""
Form = Literal["shares", "parts", "copies"]
"""What several blocks write: shares of the answer that add up; parts of its code that are each needed; the whole
answer each, of which the first alone is enough."""
CELL: dict[Where, str] = {
    "subject": "enrich",
    "last": "work_out",
    "subject attention": "gather",
    "last attention": "move",
}
ENTITIES, SECONDS, VALUES = 28, 3, 8
MAX_FAMILIES = 12
"""Families a construction can hold, its controls among them."""


@dataclass(frozen=True)
class FamilyPlan:
    """One family of items and how the model answers it."""

    name: str
    kind: KnowledgeOrReasoning
    where: Where
    blocks: tuple[int, ...]
    """Blocks that write the answer, from low to high."""
    mover: int
    """Block whose attention brings to the last position what was made, or what is needed to make it, at the span."""
    sizes: tuple[float, ...] = (1.0,)
    """What each of `blocks` writes, in units of the answer."""
    form: Form = "shares"
    recodes: tuple[int, ...] = ()
    """Blocks below the lookup whose MLP turns the input's code into another code of the input (two at most)."""
    series: int | None = None
    """Block whose MLP, where the lookup stands, reads the answer and alone hands it on."""
    relay: int | None = None
    """Block whose MLP, at the last position, reads the answer that came there and alone hands it on."""
    decoys: tuple[int, ...] = ()
    """Blocks whose MLP, where the lookup stands, writes a copy of the answer that nothing reads."""
    suppressor: int | None = None
    """Block whose MLP, where the lookup stands, takes 40 % of the answer away again."""
    backup: int | None = None
    """Block above the lookup, whose MLP writes the answer only where none is yet."""
    answers: int = VALUES
    """How many different answers there are."""
    control: int | None = None
    """Block whose attention copies a stated answer to the last position: there is a matched control family."""

    @property
    def at_span(self) -> bool:
        return self.where in ("subject", "subject attention")

    @property
    def by_attention(self) -> bool:
        return self.where in ("subject attention", "last attention")


@dataclass(frozen=True)
class Construction:
    """One planted model and its items."""

    name: str
    half: Half
    n_layers: int
    families: tuple[FamilyPlan, ...]
    architecture: Architecture = "llama"
    seed: int = 0
    noise: float = 0.0
    """Standard deviation of the blur of every entry that a lookup writes; .4 leaves about 80 % right."""
    messy: bool = False
    """Whether answers are superposed directions that reach into the whole stream, with filler as large as an answer."""
    filler: float = 0.2
    """Length of what every block's random MLP and attention add; an answer has length 1."""
    items: int = 48
    """Items a family."""
    foreign_words: int = 0
    """Words that mean nothing to the model, before every prompt; a pair has the same."""

    @property
    def controls(self) -> Iterator[FamilyPlan]:
        return (family for family in self.families if family.control is not None)


def flaws(construction: Construction) -> list[str]:
    """Why this can't be built; empty where it can."""
    found = []
    if len(construction.families) + len(list(construction.controls)) > MAX_FAMILIES:
        found.append(f"more than {MAX_FAMILIES} families")
    if len({family.name for family in construction.families}) < len(construction.families):
        found.append("two families of one name")
    for family in construction.families:
        found += [f"{family.name}: {flaw}" for flaw in _flaws_of_family(family, construction.n_layers)]
        if WRITTEN_TYPES[construction.architecture].parallel:
            found += [f"{family.name}: {flaw}" for flaw in _flaws_in_parallel(family)]
    return found


def _flaws_in_parallel(family: FamilyPlan) -> Iterator[str]:
    """Where a block's MLP can't read what its attention brings."""
    read = [*family.recodes, *family.decoys, *family.blocks] if family.where == "last" else []
    if family.mover in [*read, family.relay]:
        yield "in a parallel block the MLP reads nothing that the same block's attention brings"


def _flaws_of_family(family: FamilyPlan, n_layers: int) -> Iterator[str]:
    blocks, mover = family.blocks, family.mover
    extra = [block for block in (family.series, family.relay, family.suppressor, family.backup, family.control) if block is not None]  # fmt: skip
    everywhere = [*blocks, mover, *family.recodes, *family.decoys, *extra]
    if min(everywhere) < 1 or max(everywhere) >= n_layers:
        yield "blocks have to lie within 1 and the last block"
    if len(family.sizes) != len(blocks) or list(blocks) != sorted(set(blocks)):
        yield "blocks rise, and each has its size"
    if len(family.recodes) > 2 or any(later <= earlier for earlier, later in pairwise((*family.recodes, blocks[0]))):
        yield "re-encodings are two at most, and lie below the lookup"
    top = max([*blocks, *(b for b in (family.series, family.suppressor, family.backup) if b is not None)])
    if family.at_span and mover <= top:
        yield "the mover lies above what is made at the span"
    if family.where == "last" and mover > min([*family.recodes, *family.decoys, blocks[0]]):
        yield "the mover brings the input before the lookup at the last position"
    if family.where == "last attention" and (mover not in blocks or family.recodes or family.decoys):
        yield "a retrieval by attention is its own mover"
    if family.relay is not None and family.relay < max(mover, top) + (family.where == "last"):
        yield "the relay lies above the mover and the lookup"
    below = [block for block in (family.series, family.suppressor, family.backup) if block is not None]
    if any(block <= max(blocks) for block in below):
        yield "what reads the answer where it was made lies above the lookup"
    if family.form == "parts" and (len(blocks) != 2 or family.by_attention):
        yield "parts are two, written by MLPs"
    if family.by_attention and (below or family.recodes):
        yield "a lookup by attention has no re-encoding, series, suppressor or backup"
    if family.kind == "reasoning" and family.by_attention:
        yield "attention alone can't combine two operands"
    if not 4 <= family.answers <= VALUES:
        yield f"there are 4 to {VALUES} answers"
