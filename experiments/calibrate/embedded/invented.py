"""What is planted in the embedded model, and how is it asked? Emblems of people and operations on things, all invented.

A fact's answer follows from its relation and its subject. An operation's answer follows from the thing that the prompt
names and from how often the operation is done: both stand in the prompt, before the thing's last token.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from strata.experiments.calibrate.planted_items import filled
from strata.experiments.items.schema import Item, KnowledgeOrReasoning

RELATIONS = ("emblem", "guardian", "mascot")
OPERATIONS = ("fold", "press", "twist")
TIMES = ("once", "twice")
PEOPLE = (
    "Marcus", "Victor", "Clara", "Oscar", "Julia", "Simon", "Diana", "Martin", "Laura", "Felix", "Peter", "Emma",
    "Alice", "Bruno", "Maria", "Rosa", "Jack", "Sarah", "Lucy", "Adam", "Grace", "Helen", "Walter", "Arthur",
)  # fmt: skip
THINGS = (
    "lamp", "key", "drum", "bell", "coin", "rope", "knife", "spoon", "boot", "ring", "cup", "brick",
    "nail", "shell", "wheel", "candle", "mirror", "basket", "hammer", "bottle", "pencil", "needle", "button", "feather",
)  # fmt: skip
ANIMALS = ("tiger", "eagle", "wolf", "horse", "snake", "whale")
MATERIALS = ("gold", "silver", "iron", "copper", "oak", "pine")
FRAMES = {
    "knowledge": ("The {task} of {subject} is the", "They say that the {task} of {subject} is the"),
    "reasoning": ("If you {task} {second} the {operand} it becomes", "Whoever will {task} {second} the {operand} gets"),
}
SPAN = {"knowledge": "subject", "reasoning": "operand"}


@dataclass(frozen=True)
class Asked:
    """One prompt, its answer, and what they are made of."""

    kind: KnowledgeOrReasoning
    family: str
    frame: int
    entity: str
    second: str
    answer: str


@dataclass(frozen=True)
class Invented:
    """All that is true in one invented world: drawn from the seed, evenly over answers."""

    seed: int = 0
    families: int = 3
    """Relations, and as many operations."""
    entities: int = 24

    def __post_init__(self) -> None:
        if not (1 <= self.families <= len(RELATIONS) and len(ANIMALS) <= self.entities <= len(PEOPLE)):
            raise ValueError(f"{self.families} families of {self.entities} entities")

    def of_family(self, kind: KnowledgeOrReasoning, family: str) -> dict[tuple[str, str], str]:
        """Answer by (entity, how often); `how often` is empty for facts."""
        rng = Random(f"invented {self.seed} {kind} {family}")
        answers = rng.sample(ANIMALS if kind == "knowledge" else MATERIALS, len(ANIMALS))
        entities = (PEOPLE if kind == "knowledge" else THINGS)[: self.entities]
        turns = [place % len(answers) for place in range(len(entities))]
        rng.shuffle(turns)
        seconds = ("",) if kind == "knowledge" else TIMES
        return {
            (entity, second): answers[(turn + step) % len(answers)]
            for entity, turn in zip(entities, turns, strict=True)
            for step, second in enumerate(seconds)
        }

    def asked(self) -> Iterator[Asked]:
        """Every question in every frame: what is trained."""
        for kind, family in self.named():
            for (entity, second), answer in self.of_family(kind, family).items():
                for frame in range(len(FRAMES[kind])):
                    yield Asked(kind, family, frame, entity, second, answer)

    def named(self) -> Iterator[tuple[KnowledgeOrReasoning, str]]:
        """The families by kind."""
        yield from (("knowledge", name) for name in RELATIONS[: self.families])
        yield from (("reasoning", name) for name in OPERATIONS[: self.families])


def prompt_of(asked: Asked) -> str:
    return filled(FRAMES[asked.kind][asked.frame], _words(asked))[0]


def items_of(world: Invented, per_family: int = 48) -> list[Item]:
    """Minimal pairs: the same words about another entity with another answer; every entity comes first before one comes again."""
    records = []
    for kind, family in world.named():
        table = world.of_family(kind, family)
        entities = list(dict.fromkeys(entity for entity, _ in table))
        rng = Random(f"pairs {world.seed} {kind} {family}")
        taken: set[tuple[frozenset[str], str]] = set()
        order: list[str] = []
        for number in range(per_family):
            order = order or rng.sample(entities, len(entities))
            entity, second = order.pop(), "" if kind == "knowledge" else rng.choice(TIMES)
            others = [
                other for other in entities
                if table[other, second] != table[entity, second] and (frozenset((entity, other)), second) not in taken
            ]  # fmt: skip
            other = rng.choice(others)
            taken.add((frozenset((entity, other)), second))
            one = Asked(kind, family, number % len(FRAMES[kind]), entity, second, table[entity, second])
            records.append(_item(one, other, table[other, second], number, sorted(set(table.values()))))
    return records


def _item(one: Asked, other: str, foil: str, number: int, choices: list[str]) -> Item:
    frame, span, words = FRAMES[one.kind][one.frame], SPAN[one.kind], _words(one)
    prompt, spans = filled(frame, words)
    foil_prompt, foil_spans = filled(frame, words | {span: other})
    return Item(
        id=f"{one.family}:{number}", kind=one.kind, family=one.family, domain="invented", prompt=prompt,
        answer=f" {one.answer}", foil_prompt=foil_prompt, foil=f" {foil}", choices=tuple(f" {word}" for word in choices),
        cluster=f"{one.family}:{one.entity}", template=f"{one.family}.{one.frame}", hops=1, spans={span: spans[span]},
        foil_spans={span: foil_spans[span]}, source="invented", extra={"entity": one.entity},
    )  # fmt: skip


def _words(asked: Asked) -> dict[str, str]:
    return {"task": asked.family, "second": asked.second, SPAN[asked.kind]: asked.entity}
