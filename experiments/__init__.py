"""Asks questions with probes: what to run, on which items, and what the numbers mean.

>>> from experiments import LocateConfig, locate                                        # doctest: +SKIP
>>> locate(open_checkpoint("smollm2"), LocateConfig(), Path("runs/one"))["order"]       # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.locate import LocateConfig, locate

__all__ = ["LocateConfig", "locate"]


def __getattr__(name: str) -> Any:
    """Loaded on first use: listing items needs none of the measuring libraries."""
    if name in __all__:
        import experiments.locate as room

        # Also binds the name `locate` to the function, over the sub-package of the same name.
        globals().update({public: getattr(room, public) for public in __all__})
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
