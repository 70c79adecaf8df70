"""What can be said to a planted model, and what is the right answer to it?

An entity (a subject, or an operand) follows a task word (a relation, or an operation) and, in reasoning, a second
operand. The last word is always `is`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from strata.experiments.calibrate.construction import ENTITIES, MAX_FAMILIES, SECONDS, VALUES, Construction, FamilyPlan
from strata.experiments.calibrate.written_checkpoint import SPECIAL

SUBJECTS = tuple(f"{start}{end}" for start in ("Bro", "Cal", "Dov", "Fen") for end in ("an", "el", "in", "or", "us", "ya", "et"))  # fmt: skip
OPERANDS = tuple(f"{tens}{ones}" for tens in ("twenty", "thirty", "forty", "fifty") for ones in ("one", "two", "three", "four", "five", "six", "seven"))  # fmt: skip
SECOND_WORDS = ("single", "double", "triple")
ANSWERS = ("amber", "birch", "cobalt", "dune", "ember", "fern", "garnet", "hazel")
FOREIGN_WORDS = (
    "willow",
    "lantern",
    "harbour",
    "copper",
    "meadow",
    "violin",
    "saddle",
    "marble",
    "thistle",
    "beacon",
    "ribbon",
    "orchard",
)
FRAME_WORDS = ("is", "of", ":", "it", "the", "tell", "to", "take")
assert len(SUBJECTS) == len(OPERANDS) == ENTITIES and len(SECOND_WORDS) == SECONDS and len(ANSWERS) == VALUES


@dataclass(frozen=True)
class World:
    """The words of one construction and its table of answers."""

    tasks: tuple[str, ...]
    """Task words by index: the families in order, then their controls."""
    table: dict[str, dict[tuple[int, int], int]]
    """By family: index of the answer by (entity, second operand); the second operand is 0 throughout in knowledge."""
    recoded: tuple[tuple[int, ...], ...]
    """Two permutations of the entities: their codes after one and after two re-encodings."""
    foreign: tuple[str, ...] = ()
    """Words of the text around the prompts."""
    read_as: Mapping[str, str] = field(default_factory=dict)
    """Words that the model reads as if another one stood there."""
    favoured: Mapping[str, float] = field(default_factory=dict)
    """Logits by which the model finds a word likelier, whatever is asked."""
    unknown: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By family: entities of which the model knows nothing. Their answers stand in `table` all the same."""

    def task(self, family: str) -> int:
        return self.tasks.index(family)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        unused = tuple(f"unused{number}" for number in range(MAX_FAMILIES - len(self.tasks)))
        return (
            *SPECIAL,
            *ANSWERS,
            *SUBJECTS,
            *OPERANDS,
            *SECOND_WORDS,
            *self.tasks,
            *unused,
            *FRAME_WORDS,
            *self.foreign,
        )

    def index(self, word: str) -> int:
        return self.vocabulary.index(word)


def control_name(family: FamilyPlan) -> str:
    return f"{family.name}_stated"


def world_of(construction: Construction) -> World:
    """Every answer of a family is that of equally many entities, give or take one."""
    rng = Random(f"world {construction.name} {construction.seed}")
    table = {}
    for family in construction.families:
        answers = rng.sample(range(VALUES), family.answers)
        turns = [place % family.answers for place in range(ENTITIES)]
        rng.shuffle(turns)
        seconds = range(SECONDS if family.kind == "reasoning" else 1)
        table[family.name] = {
            (entity, second): answers[(turn + second) % family.answers]
            for entity, turn in enumerate(turns)
            for second in seconds
        }
    tasks = [family.name for family in construction.families] + [
        control_name(family) for family in construction.controls
    ]
    recoded = tuple(tuple(rng.sample(range(ENTITIES), ENTITIES)) for _ in range(2))
    return World(tuple(tasks), table, recoded, FOREIGN_WORDS if construction.foreign_words else ())
