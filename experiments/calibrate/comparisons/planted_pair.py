"""What is planted in a pair of models: one construction, and the one thing in which the second model differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from strata.experiments.calibrate.construction import ENTITIES, Construction, FamilyPlan, flaws
from strata.experiments.calibrate.planted_checkpoint import checked_world
from strata.experiments.calibrate.planted_facts import ANSWERS, World
from strata.experiments.items.schema import KnowledgeOrReasoning
from strata.probes.errors import StrataError

Change = Literal["table", "moved", "learnt", "lost", "jitter", "filler", "format", "bias"]
"""`table`: families are answered otherwise. `moved`: as before, by another block or at another position. `learnt`, `lost`: a third of the
entities are known to one of the models only. `jitter`: every weight is a thousandth of itself off. `filler`: all that is not planted
is drawn anew. `format`: the base answers behind `is` and behind an empty think block, the second model behind the block only. `bias`: the
second model finds one answer likelier whatever is asked.
"""
OF_FAMILIES: tuple[Change, ...] = ("table", "moved", "learnt", "lost")
"""Changes of some families; the others are of the whole model."""
OF_ANSWERS: tuple[Change, ...] = ("table", "learnt", "lost")
"""Changes of what is answered right."""
BIAS = 3.0
"""Logits; an answer has 8."""


@dataclass(frozen=True)
class PlantedPair:
    """A base, and what the second model does otherwise."""

    change: Change
    base: Construction
    families: tuple[str, ...] = ()
    """The families that change, all of one kind."""
    moved_to: tuple[FamilyPlan, ...] = ()
    """Of `moved`: these families as the second model makes them."""
    seed: int = 0
    """Of what is drawn for the second model alone."""

    @property
    def name(self) -> str:
        return self.base.name

    @property
    def kind(self) -> KnowledgeOrReasoning | None:
        """Of the families that change; None: none does."""
        return next((family.kind for family in self.base.families if family.name in self.families), None)

    @property
    def second(self) -> Construction:
        """The second model's construction, of the same name and seed so that all else is drawn alike."""
        moved = {family.name: family for family in self.moved_to}
        return replace(self.base, families=tuple(moved.get(family.name, family) for family in self.base.families))


def worlds_of(pair: PlantedPair) -> tuple[World, World]:
    """What base and second model can be told, and what each answers. Raises StrataError for a pair that can't be built."""
    found = list(_flaws(pair))
    if found:
        raise StrataError(f"The pair {pair.name} can't be planted: {'; '.join(found)}", "Mend the pair")
    world = checked_world(pair.base)
    if pair.change == "table":
        turned = {name: _turned(world.table[name]) for name in pair.families}
        return world, replace(world, table={**world.table, **turned})
    if pair.change in ("learnt", "lost"):
        some = frozenset(Random(f"unknown {pair.name} {pair.seed}").sample(range(ENTITIES), ENTITIES // 3))
        less = replace(world, unknown=dict.fromkeys(pair.families, some))
        return (less, world) if pair.change == "learnt" else (world, less)
    if pair.change == "format":
        # The tags are no words of these models, so that they are read as the unknown one.
        behind_both = replace(world, read_as={"<unk>": "is"})
        return behind_both, replace(world, read_as={"<unk>": "is", "is": "it"})
    if pair.change == "bias":
        return world, replace(world, favoured={ANSWERS[pair.seed % len(ANSWERS)]: BIAS})
    return world, world


def _turned(table: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    """Every answer becomes the next one of the family's."""
    answers = sorted(set(table.values()))
    after = dict(zip(answers, [*answers[1:], answers[0]], strict=True))
    return {asked: after[answer] for asked, answer in table.items()}


def _flaws(pair: PlantedPair) -> Iterator[str]:
    yield from flaws(pair.second)
    named = [family for family in pair.base.families if family.name in pair.families]
    if len(named) != len(pair.families) or len({family.kind for family in named}) > 1:
        yield "the families that change are families of the base, all of one kind"
    if bool(pair.families) != (pair.change in OF_FAMILIES):
        yield "families are named where some change, and only there"
    if pair.change in ("learnt", "lost") and any(family.by_attention for family in named):
        yield "what attention looks up is known of all entities or of none"
    if {family.name for family in pair.moved_to} != set(pair.families if pair.change == "moved" else ()):
        yield "each family that moves is told where to"
