"""Trains reasoning into a small model, beside control twins that get as much training and no reasoning.

`distill(open_checkpoint("smollm2"), config, Path("runs/think"))` trains (half an hour on a core), with

>>> from strata.experiments.distill import DistillConfig
>>> config = DistillConfig(twin="think", steps=400)
>>> config.rank, config.learning_rate
(4, 0.001)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.experiments.distill.config import DistillConfig
    from strata.experiments.distill.pipeline import distill
    from strata.experiments.generated_answers.problems import in_training

_HOMES = {
    "DistillConfig": "strata.experiments.distill.config",
    "distill": "strata.experiments.distill.pipeline",
    "in_training": "strata.experiments.generated_answers.problems",
}
__all__ = ["DistillConfig", "distill", "in_training"]


def __getattr__(name: str) -> Any:
    """Loaded on first use: the training libraries are an optional extra."""
    if name in _HOMES:
        from importlib import import_module

        # Also binds the name `distill` to the function, over the module of the same name.
        module = import_module(_HOMES[name])
        globals()[name] = getattr(module, name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
