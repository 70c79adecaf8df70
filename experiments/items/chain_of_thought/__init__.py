"""Questions inside a chain of thought: a program wrote the steps, and the model is asked for the result of one of them."""

from __future__ import annotations

from strata.experiments.items.chain_of_thought.step_results import CONTROLS
from strata.experiments.items.chain_of_thought.step_results import FAMILIES as STEPS
from strata.experiments.items.family import Family

FAMILIES: tuple[Family, ...] = (*STEPS, *CONTROLS)

__all__ = ["FAMILIES"]
