"""Where in a language model is a fact looked up, where is a conclusion worked out, and what did training change?

This is the whole public interface. Each name is loaded when it is first used, so that importing Strata costs nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.dashboards.from_python.finished_run import load_run
    from strata.dashboards.from_python.locate_and_compare import compare, locate
    from strata.experiments.items.load import load_items
    from strata.probes.capture.capture_texts import capture
    from strata.probes.capture.captured import Captured, load_captured
    from strata.probes.checkpoints.open_model import open_checkpoint
    from strata.probes.errors import StrataError
    from strata.probes.linear.linear_probe import LinearProbe
    from strata.probes.linear.scores import ProbeScores
    from strata.probes.public_api.ablate import ablate
    from strata.probes.public_api.patch import patch
    from strata.probes.public_api.read_lens import logit_lens, tuned_lens

_HOMES = {
    "Captured": "strata.probes.capture.captured",
    "LinearProbe": "strata.probes.linear.linear_probe",
    "ProbeScores": "strata.probes.linear.scores",
    "StrataError": "strata.probes.errors",
    "ablate": "strata.probes.public_api.ablate",
    "capture": "strata.probes.capture.capture_texts",
    "compare": "strata.dashboards.from_python.locate_and_compare",
    "load_captured": "strata.probes.capture.captured",
    "load_items": "strata.experiments.items.load",
    "load_run": "strata.dashboards.from_python.finished_run",
    "locate": "strata.dashboards.from_python.locate_and_compare",
    "logit_lens": "strata.probes.public_api.read_lens",
    "open_checkpoint": "strata.probes.checkpoints.open_model",
    "patch": "strata.probes.public_api.patch",
    "tuned_lens": "strata.probes.public_api.read_lens",
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
