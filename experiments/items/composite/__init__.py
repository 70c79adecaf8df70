"""Facts reached through a bridge entity: two retrievals in a row, with both one-hop forms and a one-hop partner."""

from __future__ import annotations

from strata.experiments.items.composite.build import family, matched_knowledge
from strata.experiments.items.composite.chains import CHAINS
from strata.experiments.items.family import Family

FAMILIES: tuple[Family, ...] = tuple(family(chain) for chain in CHAINS)

__all__ = ["FAMILIES", "matched_knowledge"]
