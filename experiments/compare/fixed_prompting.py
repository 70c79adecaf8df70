"""In which way is a model asked that was trained here? In the one it was trained in, which no result may choose."""

from __future__ import annotations

from collections.abc import Mapping

from strata.experiments.compare.model_specs import Specs
from strata.experiments.generated_answers.prompting import Prompting
from strata.experiments.results.roles import Role
from strata.probes.checkpoints.peft_adapter import adapter_files, recorded_base
from strata.probes.checkpoints.spec import parse_spec

TRAINED_IN: Prompting = "question_only"
"""What every training of `distill` reads before it writes."""


def fixed_prompting(specs: Specs) -> Mapping[Role, Prompting]:
    """By role, of models whose last adapter carries a record of a training by Strata; the others' ways are chosen on held-out halves."""
    return {
        role: TRAINED_IN
        for role, spec in specs.by_role().items()
        if role not in specs.in_memory and _trained_here(spec)
    }


def _trained_here(spec: str) -> bool:
    adapters = parse_spec(spec).adapters
    return bool(adapters) and recorded_base(adapter_files(adapters[-1])[0]) is not None
