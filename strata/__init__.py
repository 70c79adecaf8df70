"""Where in a language model is a fact looked up, where is a conclusion worked out, and what did training change?

This is the whole public interface. Each name is loaded when it is first used, so that importing Strata costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.dashboards.notebook.run import load_run
    from strata.dashboards.notebook.runs import compare, locate
    from strata.experiments.items.load import load_items
    from strata.probes.capture import capture
    from strata.probes.capture_files import load_captured
    from strata.probes.captured import Captured
    from strata.probes.causal.ablate_texts import ablate
    from strata.probes.causal.patch_pairs import patch
    from strata.probes.checkpoints.given import open_checkpoint
    from strata.probes.errors import StrataError
    from strata.probes.lens.lens_of_texts import logit_lens, tuned_lens
    from strata.probes.linear.linear_probe import LinearProbe
    from strata.probes.linear.scores import ProbeScores

_HOMES = {
    "Captured": "strata.probes.captured",
    "LinearProbe": "strata.probes.linear.linear_probe",
    "ProbeScores": "strata.probes.linear.scores",
    "StrataError": "strata.probes.errors",
    "ablate": "strata.probes.causal.ablate_texts",
    "capture": "strata.probes.capture",
    "compare": "strata.dashboards.notebook.runs",
    "load_captured": "strata.probes.capture_files",
    "load_items": "strata.experiments.items.load",
    "load_run": "strata.dashboards.notebook.run",
    "locate": "strata.dashboards.notebook.runs",
    "logit_lens": "strata.probes.lens.lens_of_texts",
    "open_checkpoint": "strata.probes.checkpoints.given",
    "patch": "strata.probes.causal.patch_pairs",
    "tuned_lens": "strata.probes.lens.lens_of_texts",
}
__all__ = [
    "Captured",
    "LinearProbe",
    "ProbeScores",
    "StrataError",
    "ablate",
    "capture",
    "compare",
    "load_captured",
    "load_items",
    "load_run",
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
