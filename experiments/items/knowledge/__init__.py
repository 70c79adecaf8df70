"""Facts that a model can only know from its weights: one retrieval, asked in several templates."""

from __future__ import annotations

from strata.experiments.items.family import Family
from strata.experiments.items.knowledge.build import family
from strata.experiments.items.knowledge.relations import RELATIONS

FAMILIES: tuple[Family, ...] = tuple(family(relation) for relation in RELATIONS)
