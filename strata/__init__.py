"""Where in a language model is a fact looked up, where is a conclusion worked out, and what did training change?

This is the whole public interface. Each name is loaded when it is first used, so that importing Strata costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.experiments.compare import compare
    from strata.experiments.items.load import load_items
    from strata.experiments.locate import locate
    from strata.probes.capture import capture
    from strata.probes.capture_files import load_captured
    from strata.probes.captured import Captured
    from strata.probes.causal.ablate_texts import ablate
    from strata.probes.causal.patch_pairs import patch
    from strata.probes.checkpoints.given import open_checkpoint
    from strata.probes.errors import StrataError
    from strata.probes.lens.lens_of_texts import logit_lens, tuned_lens

_HOMES = {
    "Captured": "strata.probes.captured",
    "StrataError": "strata.probes.errors",
    "ablate": "strata.probes.causal.ablate_texts",
    "capture": "strata.probes.capture",
    "compare": "strata.experiments.compare",
    "locate": "strata.experiments.locate",
    "load_captured": "strata.probes.capture_files",
    "load_items": "strata.experiments.items.load",
    "logit_lens": "strata.probes.lens.lens_of_texts",
    "open_checkpoint": "strata.probes.checkpoints.given",
    "patch": "strata.probes.causal.patch_pairs",
    "tuned_lens": "strata.probes.lens.lens_of_texts",
}
__all__ = [
    "Captured",
    "StrataError",
    "ablate",
    "capture",
    "compare",
    "load_captured",
    "load_items",
    "locate",
    "logit_lens",
    "open_checkpoint",
    "patch",
    "tuned_lens",
]

_BESIDE = Path(__file__).parents[1]
if not (Path(__file__).parent / "probes").is_dir() and (_BESIDE / "probes").is_dir():
    # A checkout that isn't installed keeps the wings beside this folder.
    __path__.append(str(_BESIDE))


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return globals().setdefault(name, getattr(import_module(_HOMES[name]), name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
