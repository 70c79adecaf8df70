"""Some of a family's pairs, as if no others had been measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import torch

from strata.experiments.locate.causal.family_decision import FEWEST_ENTITIES, FamilyPairs
from strata.experiments.locate.causal.family_measurements import FamilyMeasurements, is_between_pairs
from strata.experiments.locate.causal.measure_family import LOOKS


def drawn_rows(entities: Sequence[str], n_pairs: int, rng: Random) -> list[int]:
    """Rows of `n_pairs` pairs, entity by entity in a random order.

    An entity's pairs stay together unless fewer than ten entities would be left (the rule asks for as many) or there are only
    so many pairs to go. Raises ValueError for more pairs than there are.
    """
    if n_pairs > len(entities):
        raise ValueError(f"{n_pairs} of {len(entities)} pairs")
    of_entity: dict[str, list[int]] = defaultdict(list)
    for row, entity in enumerate(entities):
        of_entity[entity].append(row)
    order = sorted(of_entity)
    rng.shuffle(order)
    wanted = min(FEWEST_ENTITIES, n_pairs, len(order))
    rows: list[int] = []
    for turn, entity in enumerate(order):
        most = n_pairs - len(rows) - max(0, wanted - turn - 1)
        own = of_entity[entity]
        rows += own if len(own) <= most else rng.sample(own, most)
    return sorted(rows)


def subset_of(
    family: FamilyPairs, measured: FamilyMeasurements, rows: Sequence[int]
) -> tuple[FamilyPairs, FamilyMeasurements]:
    """A family as if only these of its pairs had been measured, in the same windows, with as many looks as they would get.

    Donors of third answers may be pairs that are not among them.
    """
    chosen_rows = list(rows)
    tensors = {name: values[chosen_rows] for name, values in measured.as_tensors().items()}
    for name in tensors:
        if is_between_pairs(name):
            tensors[name] = tensors[name][..., chosen_rows]
    looks = 1 + sum(look < len(chosen_rows) for look in LOOKS)
    tensors["looks"] = torch.full((len(chosen_rows),), looks)
    keys = [measured.keys[row] for row in chosen_rows]
    fewer = replace(
        family,
        pairs=tuple(family.pairs[row] for row in chosen_rows),
        entities=tuple(family.entities[row] for row in chosen_rows),
        inputs=tuple(family.inputs[row] for row in chosen_rows),
    )
    return fewer, FamilyMeasurements.from_tensors(measured.n_layers, keys, tensors)
