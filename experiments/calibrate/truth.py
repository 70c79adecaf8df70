"""What is true of a construction: which cell and blocks make each family's answers, what prepares and what relays them.

The first place whose contribution carries the answer and is used makes it: another code of the input prepares, a later
block that writes the same answer again relays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strata.experiments.calibrate.construction import CELL, Construction, FamilyPlan
from strata.experiments.calibrate.planted_facts import control_name
from strata.experiments.calibrate.planted_part import PartKey, PartRole, PlantedPart
from strata.experiments.calibrate.written_types import WRITTEN_TYPES
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING

Reading = Literal["single", "additive", "in-series", "together"]
Order = Literal["retrieval-first", "reasoning-first", "undetermined"]
_ATTENTION = ("gather", "move")


@dataclass(frozen=True)
class Place:
    cell: str
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class FamilyTruth:
    """Where one family's answers are made."""

    kind: str
    cell: str
    blocks: tuple[int, ...]
    """Blocks that make the answer: all of a split, each of several copies."""
    form: str
    """`single`, `shares`, `parts`, `copies` or `trained`."""
    reading: Reading | None
    """How the cell's blocks act together; None where nobody wrote them and that isn't known."""
    prepares: tuple[Place, ...] = ()
    relays: tuple[Place, ...] = ()
    decoys: tuple[Place, ...] = ()
    parts: Mapping[PartKey, str] | None = None
    """What taking each planted part out of the weights has to do to their margin: `falls`, `rises`, `stays`; or `right`: they stay right."""
    sizes: tuple[float, ...] = ()
    """What each of `blocks` writes, in units of the answer; empty where nobody wrote them."""
    copied: bool = False
    """Whether the answer stands in the prompt: a control, whose place is the copying attention."""

    @property
    def hull(self) -> tuple[int, int]:
        return min(self.blocks), max(self.blocks)


@dataclass(frozen=True)
class Truth:
    name: str
    half: str
    architecture: str
    n_layers: int
    families: Mapping[str, FamilyTruth]
    order: Order
    """Of what makes the kinds' answers: undetermined where they overlap."""
    noise: float = 0.0
    messy: bool = False
    foreign_words: int = 0
    """Words of the text before every prompt."""
    origin: Literal["written", "compiled", "trained"] = "written"
    """Weights written by a construction, compiled from a program, or trained into a real model."""
    variant: str | None = None
    """What kind of plant it is, where it isn't written by a construction."""


def truth_of(construction: Construction) -> Truth:
    families = {}
    for family in construction.families:
        families[family.name] = _family_truth(family)
        if family.control is not None:
            families[control_name(family)] = FamilyTruth(
                "control", "move", (family.control,), "single", "single", copied=True
            )
    parallel = WRITTEN_TYPES[construction.architecture].parallel
    return Truth(
        construction.name, construction.half, construction.architecture, construction.n_layers, families,
        order_of(families, parallel=parallel), construction.noise, construction.messy, construction.foreign_words,
    )  # fmt: skip


def order_of(families: Mapping[str, FamilyTruth], *, parallel: bool = False) -> Order:
    """Whether every making block of one kind lies below all of the other's, attention before MLP within a block that isn't parallel."""
    steps = {
        kind: [
            2 * block + (not parallel and family.cell not in _ATTENTION)
            for family in families.values()
            if family.kind == kind
            for block in family.blocks
        ]
        for kind in KNOWLEDGE_AND_REASONING
    }
    if all(steps.values()):
        if max(steps["knowledge"]) < min(steps["reasoning"]):
            return "retrieval-first"
        if max(steps["reasoning"]) < min(steps["knowledge"]):
            return "reasoning-first"
    return "undetermined"


def _family_truth(family: FamilyPlan) -> FamilyTruth:
    cell = CELL[family.where]
    mlp = "enrich" if family.at_span else "work_out"
    mover: tuple[Place, ...] = () if family.where == "last attention" else (Place("move", (family.mover,)),)
    prepares = tuple(Place(mlp, (block,)) for block in family.recodes)
    relays: tuple[Place, ...] = () if family.series is None else (Place(mlp, (family.series,)),)
    if family.at_span:
        relays += mover
    else:
        prepares = mover + prepares
    if family.relay is not None:
        relays += (Place("work_out", (family.relay,)),)
    decoys = tuple(Place(mlp, (block,)) for block in family.decoys)
    form = family.form if len(family.blocks) > 1 else "single"
    return FamilyTruth(
        family.kind, cell, family.blocks, form, _reading(family), prepares, relays, decoys, _parts(family), family.sizes
    )


def _reading(family: FamilyPlan) -> Reading:
    same_cell = [*family.recodes, *([family.series] if family.series is not None else [])]
    if family.relay is not None and family.where == "last":
        same_cell.append(family.relay)
    if same_cell:
        return "in-series"
    if family.suppressor is not None:
        return "together"
    return "additive" if len(family.blocks) > 1 else "single"


def _parts(family: FamilyPlan) -> dict[PlantedPart, str]:
    spared = family.backup is not None or (family.form == "copies" and len(family.blocks) > 1)
    parts = {PlantedPart(family.name, "makes", block): "right" if spared else "falls" for block in family.blocks}
    roles: list[tuple[PartRole, int | None, str]] = [("recode", block, "falls") for block in family.recodes]
    roles += [("series", family.series, "falls"), ("relay", family.relay, "falls")]
    roles += [("suppressor", family.suppressor, "rises"), ("backup", family.backup, "stays")]
    roles += [("decoy", block, "stays") for block in family.decoys]
    return parts | {PlantedPart(family.name, role, at): effect for role, at, effect in roles if at is not None}
