"""How is a run carried out? What decides none of its numbers: what it notes of itself, how much it holds, whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strata.experiments.results.families import FamilyResult
from strata.experiments.run.manifest import JsonObject
from strata.probes.progress import Progress, silent


def _nobody(run: Path) -> object:
    """Where nobody waits for the directory."""


def _unheard(run: Path, family: str, result: FamilyResult) -> object:
    """Where nobody waits for the families."""


@dataclass(frozen=True)
class RunControls:
    """Everything has a default; an experiment reads what means something to it."""

    command: Sequence[str] = ()
    """As it was typed, for the manifest."""
    options: JsonObject = field(default_factory=dict)
    """Of the command, resolved, for the manifest."""
    batch_tokens: int | None = None
    """Most tokens of a batch; None: found while running."""
    keep_activations: bool = False
    """Whether captured streams stay after the run."""
    one_at_a_time: bool = False
    """Of a comparison: whether one model is held instead of two."""
    progress: Progress = silent
    """Hears how far the work is."""
    on_run: Callable[[Path], object] = _nobody
    """Is given the run directory once it is there."""
    on_model: Callable[[Path], object] = _nobody
    """Of a comparison: is given the run directory of each model whose own run is done."""
    on_family: Callable[[Path, str, FamilyResult], object] = _unheard
    """Is given the model's run directory, a family's name and what is said of it as soon as that is known; called by the thread that found
    it."""


DEFAULT_CONTROLS = RunControls()
