"""Which items is a planted model asked? Minimal pairs of every family, and of the controls matched to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from strata.experiments.calibrate.construction import ENTITIES, SECONDS, VALUES, Construction, FamilyPlan
from strata.experiments.calibrate.planted_facts import ANSWERS, OPERANDS, SECOND_WORDS, SUBJECTS, World, control_name
from strata.experiments.items.schema import Item, Kind, Span

FRAMES = {
    "knowledge": ("{task} of {subject} is", "tell {task} of {subject} : it is"),
    "reasoning": ("{task} {second} to {operand} is", "take {task} {second} to {operand} : it is"),
}
_STATED = {"knowledge": "{task} {stated} of {subject} is", "reasoning": "{task} {stated} to {operand} is"}
_CONTRAST = {"knowledge": "K-C", "reasoning": "R-R0"}
_SPAN = {"knowledge": "subject", "reasoning": "operand"}


def items_of(construction: Construction, world: World) -> list[Item]:
    """Items, `construction.items` a family; each pair of prompts stands in one direction."""
    records = []
    for family in construction.families:
        rng = Random(f"items {construction.name} {construction.seed} {family.name}")
        records += _asked(family, world, construction.items, rng)
        if family.control is not None:
            records += _stated(family, world, construction.items, rng)
    if not construction.foreign_words:
        return records
    rng = Random(f"foreign text {construction.name} {construction.seed}")
    return [_after(rng.choices(world.foreign, k=construction.foreign_words), item) for item in records]


def _after(words: Sequence[str], item: Item) -> Item:
    """The item with these words before both of its prompts."""
    text = " ".join([*words, ""])

    def moved(spans: Mapping[str, Span]) -> dict[str, Span]:
        return {name: (start + len(text), end + len(text)) for name, (start, end) in spans.items()}

    return replace(
        item, prompt=text + item.prompt, foil_prompt=text + item.foil_prompt, spans=moved(item.spans),
        foil_spans=moved(item.foil_spans),
    )  # fmt: skip


def _asked(family: FamilyPlan, world: World, count: int, rng: Random) -> list[Item]:
    span, names = _SPAN[family.kind], SUBJECTS if family.kind == "knowledge" else OPERANDS
    table = world.table[family.name]
    contrast = {"contrast": _CONTRAST[family.kind]} if family.control is not None else {}
    records = []
    for number, (entity, other, second) in enumerate(_pairs(family, world, count, rng)):
        place = number % 2
        words = {"task": family.name, span: names[entity], "second": SECOND_WORDS[second]}
        records.append(
            _item(
                family.kind, family.name, FRAMES[family.kind][place], f"{family.name}.{place}", words,
                {span: names[other]}, table[entity, second], table[other, second], number, names[entity],
                {**contrast, "match": f"{family.name}:{number}"},
            )
        )  # fmt: skip
    return records


def _pairs(family: FamilyPlan, world: World, count: int, rng: Random) -> list[tuple[int, int, int]]:
    """(entity, other entity, second operand), no couple twice; every entity comes first before one comes again."""
    table = world.table[family.name]
    taken: set[tuple[frozenset[int], int]] = set()
    pairs: list[tuple[int, int, int]] = []
    order: list[int] = []
    while len(pairs) < count:
        order = order or rng.sample(range(ENTITIES), ENTITIES)
        entity, second = order.pop(), rng.randrange(SECONDS) if family.kind == "reasoning" else 0
        others = [
            other
            for other in range(ENTITIES)
            if table[other, second] != table[entity, second] and (frozenset((entity, other)), second) not in taken
        ]
        other = rng.choice(others)
        taken.add((frozenset((entity, other)), second))
        pairs.append((entity, other, second))
    return pairs


def _stated(family: FamilyPlan, world: World, count: int, rng: Random) -> list[Item]:
    """The answer stands in the prompt; the entity beside it says nothing."""
    span, names = _SPAN[family.kind], SUBJECTS if family.kind == "knowledge" else OPERANDS
    name, records = control_name(family), []
    answers = sorted(set(world.table[family.name].values()))
    order: list[int] = []
    for number in range(count):
        order = order or rng.sample(range(ENTITIES), ENTITIES)
        entity = order.pop()
        answer, other = rng.sample(answers, 2)
        words = {"task": name, span: names[entity], "stated": ANSWERS[answer]}
        records.append(
            _item(
                "control", name, _STATED[family.kind], name, words, {"stated": ANSWERS[other]}, answer, other, number,
                names[entity], {"contrast": _CONTRAST[family.kind], "match": f"{family.name}:{number}"},
            )
        )  # fmt: skip
    return records


def _item(  # eleven parameters: the fields in which planted items differ
    kind: Kind, family: str, frame: str, template: str, words: dict[str, str], swapped: dict[str, str], answer: int,
    foil: int, number: int, entity: str, extra: dict[str, str],
) -> Item:  # fmt: skip
    (replaced,) = swapped
    prompt, spans = filled(frame, words)
    foil_prompt, foil_spans = filled(frame, words | swapped)
    return Item(
        id=f"{family}:{number}", kind=kind, family=family, domain="planted", prompt=prompt, answer=f" {ANSWERS[answer]}",
        foil_prompt=foil_prompt, foil=f" {ANSWERS[foil]}",
        choices=tuple(f" {ANSWERS[value]}" for value in range(VALUES)), cluster=f"{family.removesuffix('_stated')}:{entity}",
        template=template, hops=0 if kind == "control" else 1, spans={replaced: spans[replaced]},
        foil_spans={replaced: foil_spans[replaced]}, source="planted", extra={"entity": entity, **extra},
    )  # fmt: skip


def filled(frame: str, words: dict[str, str]) -> tuple[str, dict[str, Span]]:
    text, spans = "", dict[str, Span]()
    for part in frame.split(" "):
        name = part.strip("{}")
        word = words[name] if part != name else part
        start = len(text) + bool(text)
        text = f"{text} {word}" if text else word
        if part != name:
            spans[name] = (start, len(text))
    return text, spans
