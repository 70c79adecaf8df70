"""Which entities are asked about, and who is whose minimal-pair partner?"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

Entity = TypeVar("Entity", bound=Hashable)
Template = TypeVar("Template")
Answer = Callable[[Entity], str]
Lengths = Callable[[Entity], tuple[int, ...]]

PER_ANSWER = 5
"""Entities taken of one answer before the next answer is opened: enough for five entity-disjoint folds."""
MIN_ENTITIES = 10
"""Asked about before any of them is asked in a second template: intervals are over entities, and with fewer there are none."""
MANY_ENTITIES = 36
"""Asked about before any of them is asked in a third template: the two entities of a pair are one cluster, so these are eighteen."""


def seeded(seed: int, *names: str) -> random.Random:
    """A generator that depends on the seed and the names alone, the same on every machine and in every process."""
    key = "/".join((str(seed), *names)).encode()
    return random.Random(int.from_bytes(hashlib.sha256(key).digest()))


def distinguishable(answer: str, other: str) -> bool:
    """Whether a token exists at which the two answers differ: neither begins the other."""
    answer, other = answer.strip().casefold(), other.strip().casefold()
    return not answer.startswith(other) and not other.startswith(answer)


def exemplars(entities: Sequence[Entity], count: int, rng: random.Random, answer: Answer[Entity]) -> tuple[Entity, ...]:
    """Entities set aside for worked examples, their answers all different and the table's rarest.

    They are the same in every prompt of a build. Examples drawn afresh for each item so as to avoid its answer
    would tell a probe which answers are still open, without any fact being known.
    """
    share = Counter(answer(entity) for entity in entities)
    chosen: list[Entity] = []
    for entity in sorted(rng.sample(list(entities), len(entities)), key=lambda entity: share[answer(entity)]):
        if len(chosen) < count and all(answer(entity) != answer(other) for other in chosen):
            chosen.append(entity)
    rng.shuffle(chosen)
    return tuple(chosen)


def spread(
    entities: Sequence[Entity],
    count: int,
    rng: random.Random,
    answer: Answer[Entity],
    per_answer: int = PER_ANSWER,
) -> list[Entity]:
    """At most `count` entities, `per_answer` of each answer, the best-filled answers first, then the rest evenly, and last of
    all entities that share their answer with no other.

    A probe under entity-disjoint folds can only learn answers that several entities share, and pairs tell an answer from its
    input only where they share answers, so a small draw holds few answers with enough entities each instead of many with one.
    """
    shuffled = rng.sample(list(entities), len(entities))
    groups: dict[str, list[Entity]] = {}
    for entity in shuffled:
        groups.setdefault(answer(entity), []).append(entity)
    ordered = sorted(groups.values(), key=lambda group: -min(len(group), per_answer))
    shared = [group for group in ordered if len(group) > 1]
    drawn = [entity for group in shared for entity in group[:per_answer]]
    deepest = max((len(group) for group in shared), default=0)
    drawn += [group[rank] for rank in range(per_answer, deepest) for group in shared if rank < len(group)]
    drawn += [entity for group in ordered if len(group) == 1 for entity in group]
    return drawn[:count]


def templates_each(n: int, n_entities: int, n_templates: int, many: int = MANY_ENTITIES) -> int:
    """In how many templates to ask about each entity: in two from `MIN_ENTITIES` on, in more from `many` on, or as many as it takes
    for `n` items."""
    least = math.ceil(n / max(1, n_entities))
    return min(n_templates, max(1, least, min(2, n // MIN_ENTITIES), n // many))


def in_turn(templates: Sequence[Template], each: int, place: int) -> tuple[Template, ...]:
    """The templates of the entity at `place`, in their order; over all places they are used equally often."""
    return tuple(templates[index % len(templates)] for index in range(place * each, (place + 1) * each))


def shared_places(entities: Sequence[Entity], foils: Mapping[Entity, Entity]) -> dict[Entity, int]:
    """The place of every entity in the round of templates; the two of a mutual pair share one.

    Asked in different templates, what a model prefers without knowing the fact would not count once for and once against.
    """
    places: dict[Entity, int] = {}
    for entity in entities:
        partner = foils[entity]
        mutual = partner in places and foils.get(partner) == entity
        places[entity] = places[partner] if mutual else len(set(places.values()))
    return places


def partners(
    entities: Sequence[Entity],
    pool: Sequence[Entity],
    rng: random.Random,
    compatible: Callable[[Entity, Entity], bool],
    lengths: Lengths[Entity],
) -> dict[Entity, Entity]:
    """For every entity one of `pool` with another answer and, where there is one, prompts of the same lengths.

    Partners are mutual as far as possible (A's partner is B, B's is A): whatever a model prefers without knowing
    the fact then counts once for and once against, so chance is exactly one half. Who is left over takes the
    partner from the whole pool whose prompts differ in length in the fewest templates.
    """
    order = rng.sample(list(entities), len(entities))
    size = {entity: lengths(entity) for entity in dict.fromkeys((*entities, *pool))}
    partner_of: dict[Entity, Entity] = {}
    for entity in order:
        if entity in partner_of:
            continue
        for other in order:
            if (
                other != entity
                and other not in partner_of
                and size[other] == size[entity]
                and compatible(entity, other)
            ):
                partner_of[entity], partner_of[other] = other, entity
                break
    spare = rng.sample(list(pool), len(pool))
    for entity in order:
        if entity not in partner_of:
            candidates = [other for other in spare if other != entity and compatible(entity, other)]
            partner_of[entity] = min(candidates, key=lambda other: _gap(size[other], size[entity]))
    return partner_of


def options(right: str, foil: str, answers: Sequence[str], count: int, rng: random.Random) -> tuple[str, ...]:
    """`count` choices in random order: the right answer, the foil, and others no choice of which begins another."""
    picked = [right, foil]
    unique = list(dict.fromkeys(answers))
    for other in rng.sample(unique, len(unique)):
        if len(picked) < count and all(distinguishable(other, choice) for choice in picked):
            picked.append(other)
    rng.shuffle(picked)
    return tuple(picked)


def _gap(lengths: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, int]:
    """In how many templates the lengths differ, then by how much."""
    gaps = [abs(a - b) for a, b in zip(lengths, other, strict=True)]
    return sum(gap > 0 for gap in gaps), sum(gaps)
