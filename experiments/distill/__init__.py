"""Trains reasoning into a small model, beside a control twin that gets as much training and no reasoning.

>>> from experiments.distill import DistillConfig, distill                              # doctest: +SKIP
>>> distill("smollm2", DistillConfig(twin="think"), Path("runs/think"))["loss"]         # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.distill.config import DistillConfig
    from experiments.distill.data import in_training
    from experiments.distill.distill import distill

_HOMES = {
    "DistillConfig": "experiments.distill.config",
    "distill": "experiments.distill.distill",
    "in_training": "experiments.distill.data",
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
