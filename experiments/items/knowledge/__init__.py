"""Facts that a model can only know from its weights: one retrieval, asked in several wordings."""

from __future__ import annotations

from experiments.items.family import Family
from experiments.items.knowledge.build import family
from experiments.items.knowledge.relations import RELATIONS

FAMILIES: tuple[Family, ...] = tuple(family(relation) for relation in RELATIONS)
