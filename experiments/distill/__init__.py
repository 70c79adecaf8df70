"""Trains reasoning into a small model, beside a control twin that gets as much training and no reasoning.

>>> from strata.experiments.distill import DistillConfig, distill                              # doctest: +SKIP
>>> distill("smollm2", DistillConfig(twin="think"), Path("runs/think"))["loss"]         # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.experiments.distill.config import DistillConfig
    from strata.experiments.distill.data import in_training
    from strata.experiments.distill.pipeline import distill

_HOMES = {
    "DistillConfig": "strata.experiments.distill.config",
    "distill": "strata.experiments.distill.pipeline",
    "in_training": "strata.experiments.distill.data",
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
