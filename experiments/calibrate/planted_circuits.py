"""Which heads and lookups does a construction consist of, and where do they stand in the stream?

Block 0 brings the task word and the second operand to the entity and to the last position; all else is the families'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from strata.experiments.calibrate.construction import (
    ENTITIES,
    MAX_FAMILIES,
    SECONDS,
    VALUES,
    Construction,
    FamilyPlan,
)
from strata.experiments.calibrate.planted_facts import World, control_name
from strata.experiments.calibrate.planted_part import PartRole, PlantedPart
from strata.experiments.calibrate.weight_writing import Block, Code, Direction, Head, Layout, Lookup, Symbol

D_MODEL, HEADS = 240, 6
_FLAGS = ("is_start", "is_task", "is_second", "is_entity", "is_value", "is_last")
_OF_VALUES = ("value", "made", "attribute", "decoy", "passed", "output")
"""Slots whose symbols are answers: stated, just made, ready at the span, unread, come to the last position, said."""
_SUPPRESSED = -0.4
_ROW, _COLUMN = 4, 4
"""An answer's code falls into the answers that share its row (v // 4) and those that share its column (v % 4)."""


def layout_of(construction: Construction, blocks: Iterable[Block]) -> Layout:
    sizes = {
        "anchor": 1, "still": 1, **dict.fromkeys(_FLAGS, 1),
        "task": MAX_FAMILIES, "asked": MAX_FAMILIES, "second": SECONDS, "asked_second": SECONDS,
        "entity": ENTITIES, "moved": ENTITIES, "once": ENTITIES, "twice": ENTITIES,
        **dict.fromkeys(_OF_VALUES, VALUES),
    }  # fmt: skip
    sizes["spare"] = D_MODEL - sum(sizes.values())
    slots = Layout.divided(sizes)
    neurons = 2 * max(len(block.lookups) for block in blocks) + 64
    # Loud filler that heard itself would grow from block to block.
    quiet = ("anchor", "still", "spare") if construction.messy else ("anchor", "still", *_OF_VALUES)
    generator = torch.Generator().manual_seed(construction.seed + 1_000)
    codes = {name: _superposed(slots, slots[name], generator) for name in _OF_VALUES} if construction.messy else {}
    return Layout(slots, D_MODEL, HEADS, D_MODEL // HEADS, neurons, quiet, ("still",), codes)


def _superposed(slots: Mapping[str, range], own: range, generator: torch.Generator) -> Code:
    """Directions with cosines up to .5, half as long again outside their slot; what reads them reads inside it."""
    while True:
        inside = torch.eye(VALUES) + 0.3 * torch.randn(VALUES, VALUES, generator=generator)
        inside /= inside.norm(dim=1, keepdim=True)
        crowded = (inside @ inside.T - torch.eye(VALUES)).abs().max()
        if crowded < 0.6 and torch.linalg.svdvals(inside).min() > 0.35:
            break
    written = 0.5 / D_MODEL**0.5 * torch.randn(VALUES, D_MODEL, generator=generator)
    written[:, [slots["anchor"].start, slots["still"].start]] = 0.0
    read = torch.zeros(VALUES, D_MODEL)
    written[:, list(own)] = inside
    read[:, list(own)] = torch.linalg.inv(inside).T
    return Code(written, read)


def blocks_of(construction: Construction, world: World) -> list[Block]:
    blocks = [Block() for _ in range(construction.n_layers)]
    everyone: Direction = {"is_entity": 1, "is_last": 1}
    blocks[0].heads = [
        Head([(everyone, {"is_task": 1})], [("task", "asked")]),
        Head([(everyone, {"is_second": 1})], [("second", "asked_second")]),
    ]
    movers: dict[tuple[int, str, str, str], list[int]] = defaultdict(list)
    for family in construction.families:
        task = world.task(family.name)
        for block, lookup in _lookups(family, world):
            blocks[block].lookups.append(lookup)
        for block, head in _table_heads(family, world):
            blocks[block].heads.append(head)
        if family.where != "last attention":
            read, written = ("attribute", _arrives(family)) if family.at_span else ("entity", "moved")
            movers[family.mover, "is_entity", read, written].append(task)
        if family.control is not None:
            movers[family.control, "is_value", "value", "output"].append(world.task(control_name(family)))
    for (block, key, read, written), tasks in movers.items():
        blocks[block].heads.append(Head([(_asked_of("is_last", tasks), {key: 1})], [(read, written)]))
    return blocks


def embedding(layout: Layout, world: World, generator: torch.Generator) -> Float[Tensor, "vocab d_model"]:
    from strata.experiments.calibrate.planted_facts import ANSWERS, OPERANDS, SECOND_WORDS, SUBJECTS

    table = 0.02 * torch.randn(len(world.vocabulary), layout.d_model, generator=generator)
    table[:, layout.entry("still")] = 0.0
    # Answers have no random part, because filler would hear it.
    table[[world.index(answer) for answer in ANSWERS]] = 0.0
    table[:, layout.entry("anchor")] = layout_anchor()
    classes = {"entity": (SUBJECTS, OPERANDS), "task": (world.tasks,), "second": (SECOND_WORDS,), "value": (ANSWERS,)}
    for name, lists in classes.items():
        for words in lists:
            for index, word in enumerate(words):
                table[world.index(word)] += layout.written(name, index) + layout.written(f"is_{name}", 0)
    for word, flag in (("<s>", "is_start"), ("is", "is_last")):
        table[world.index(word), layout.entry(flag)] += 1.0
    told = table.clone()
    for word, like in world.read_as.items():
        table[world.index(word)] = told[world.index(like)]
    return table


def unembedding(
    layout: Layout, world: World, certainty: float, generator: torch.Generator
) -> Float[Tensor, "vocab d_model"]:
    """`certainty`: logit of an answer that was written with length 1."""
    from strata.experiments.calibrate.planted_facts import ANSWERS

    table = 0.05 * torch.randn(len(world.vocabulary), layout.d_model, generator=generator)
    table[:, layout.entry("anchor")] = 0.0
    own = list(layout.slots["output"])
    for index, word in enumerate(ANSWERS):
        table[world.index(word), own] += certainty * layout.written("output", index)[own]
    for word, logits in world.favoured.items():
        # Along what all streams share, which is as long in all of them.
        table[world.index(word), layout.entry("anchor")] += logits / layout_anchor()
    return table


def layout_anchor() -> float:
    from strata.experiments.calibrate.weight_writing import ANCHOR

    return ANCHOR


def _arrives(family: FamilyPlan) -> str:
    return "output" if family.relay is None else "passed"


def _ready(family: FamilyPlan) -> str:
    """The slot in which the answer is ready where the lookup stands."""
    return "attribute" if family.at_span else _arrives(family)


def _asked_of(flag: str, tasks: Iterable[int]) -> Direction:
    """1 at a position with this flag where one of these tasks is asked, at most 0 at all others."""
    mine = set(tasks)
    return {flag: 1, **{f"asked:{task}": -1 for task in range(MAX_FAMILIES) if task not in mine}}


def _lookups(family: FamilyPlan, world: World) -> Iterator[tuple[int, Lookup]]:
    asked: Symbol = ("asked", world.task(family.name))
    source = "entity" if family.at_span else "moved"
    code = tuple(range(ENTITIES))
    for block, into, turned in zip(family.recodes, ("once", "twice"), world.recoded, strict=False):
        tag = PlantedPart(family.name, "recode", block)
        for entity in range(ENTITIES):
            yield block, Lookup((asked, (source, code[entity])), ((into, turned[entity]),), part=tag)
        source, code = into, turned
    written = "made" if family.series is not None else _ready(family)
    for (entity, second), value in world.table[family.name].items():
        reads: tuple[Symbol, ...] = (asked, (source, code[entity]))
        if family.kind == "reasoning":
            reads += (("asked_second", second),)
        known = float(entity not in world.unknown.get(family.name, ()))
        for place, (block, size) in enumerate(zip(family.blocks, family.sizes, strict=True)):
            if not family.by_attention:
                symbols = [value] if family.form != "parts" else _part_of(value, place)
                tag = PlantedPart(family.name, "makes", block)
                yield block, Lookup(reads, tuple((written, symbol) for symbol in symbols), known * size, part=tag)
        for block in family.decoys:
            yield block, Lookup(reads, (("decoy", value),), part=PlantedPart(family.name, "decoy", block))
        if family.backup is not None:
            tag = PlantedPart(family.name, "backup", family.backup)
            yield family.backup, Lookup(reads, ((written, value),), unless=written, part=tag)
    rewrites: list[tuple[int | None, PartRole, str, str, float]] = [
        (family.series, "series", "made", _ready(family), 1.0),
        (family.suppressor, "suppressor", _ready(family), _ready(family), _SUPPRESSED),
        (family.relay, "relay", "passed", "output", 1.0),
    ]
    for at, role, read, into, size in rewrites:
        if at is not None:
            for value in range(VALUES):
                yield (
                    at,
                    Lookup((asked, (read, value)), ((into, value),), size, part=PlantedPart(family.name, role, at)),
                )


def _part_of(value: int, place: int) -> list[int]:
    row, column = divmod(value, _COLUMN)
    return [other for other in range(VALUES) if (other // _ROW == row if place == 0 else other % _COLUMN == column)]


def _table_heads(family: FamilyPlan, world: World) -> Iterator[tuple[int, Head]]:
    if not family.by_attention:
        return
    flag = "is_entity" if family.at_span else "is_last"
    looks: list[tuple[Direction, Direction]] = [(_asked_of(flag, [world.task(family.name)]), {"is_entity": 1})]
    written = "attribute" if family.at_span else _arrives(family)
    table = [(("entity", entity), (written, value)) for (entity, _), value in world.table[family.name].items()]
    for block, size in zip(family.blocks, family.sizes, strict=True):
        yield block, Head(looks, (), table=table, size=size, part=PlantedPart(family.name, "makes", block))
