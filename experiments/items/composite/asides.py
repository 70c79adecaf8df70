"""Which unrelated entity does each item mention, so that every entity is mentioned exactly once?"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Entity = TypeVar("Entity", bound=Hashable)


def asides(
    entities: Sequence[Entity],
    pool: Sequence[Entity],
    rng: random.Random,
    allowed: Callable[[Entity, Entity], bool],
) -> dict[Entity, Entity]:
    """An allowed other entity for each, every one of `entities` given out at most once (a largest matching).

    Who can't be served from `entities` takes an allowed one of `pool`.
    """
    order = rng.sample(list(entities), len(entities))
    open_to = {entity: [other for other in order if allowed(entity, other)] for entity in order}
    holder: dict[Entity, Entity] = {}

    def serve(entity: Entity, tried: set[Entity]) -> bool:
        for other in open_to[entity]:
            if other in tried:
                continue
            tried.add(other)
            if other not in holder or serve(holder[other], tried):
                holder[other] = entity
                return True
        return False

    for entity in order:
        serve(entity, set())
    given = {entity: other for other, entity in holder.items()}
    spare = rng.sample(list(pool), len(pool))
    for entity in order:
        if entity not in given:
            given[entity] = next(other for other in spare if allowed(entity, other))
    return given
