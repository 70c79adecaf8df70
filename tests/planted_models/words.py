"""What can be said to the planted model, and which facts does it know?"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from strata.experiments.calibrate.written_checkpoint import SPECIAL

VALUES = ("amber", "birch", "cobalt", "dune", "ember", "fern", "garnet", "hazel", "indigo", "jade")
"""Every answer; a value's place here is the number that sums are worked out with."""
ADDENDS = tuple(str(number) for number in range(1, 10))
SUBJECTS = tuple(f"{start}{end}" for start in ("Bro", "Cal", "Dov", "Fen", "Gri") for end in ("an", "el", "in", "or", "us", "ya", "et", "um"))  # fmt: skip
RELATIONS = ("emblem", "patron", "harvest", "anthem", "guild")
OPERATIONS = ("plus", "copy")
FILLERS = ("is", "not", "of", "has", ".", ":", "it", "the", "take", "tell")
VOCABULARY = (*SPECIAL, *VALUES, *ADDENDS, *SUBJECTS, *RELATIONS, *OPERATIONS, *FILLERS)
IDS = {word: index for index, word in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Facts:
    known: dict[tuple[str, str], str]
    """Value by (subject, relation): four relations of every subject."""
    unknown: dict[str, str]
    """The one relation of every subject that the model knows nothing about."""


def facts(seed: int) -> Facts:
    """Every relation has every value equally often, give or take one, so that it alone says nothing."""
    rng = Random(f"facts {seed}")
    turns = [RELATIONS[place % len(RELATIONS)] for place in range(len(SUBJECTS))]
    rng.shuffle(turns)
    unknown = dict(zip(SUBJECTS, turns, strict=True))
    known: dict[tuple[str, str], str] = {}
    for relation in RELATIONS:
        holders = [subject for subject in SUBJECTS if unknown[subject] != relation]
        values = [VALUES[place % len(VALUES)] for place in range(len(holders))]
        rng.shuffle(values)
        known.update({(subject, relation): value for subject, value in zip(holders, values, strict=True)})
    return Facts(known, unknown)


def added(value: str, addend: str) -> str:
    return VALUES[(VALUES.index(value) + int(addend)) % len(VALUES)]
