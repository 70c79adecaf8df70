"""The lenses by name, fitted ones taken from the cache or fitted now; the tuned lens never comes without its bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from probes.checkpoints.checkpoint import Checkpoint
from probes.errors import StrataError
from probes.lens.fitted import jacobian_lens, tuned_lens
from probes.lens.jacobian import JacobianSettings
from probes.lens.lenses import LOGIT_LENS, Lens
from probes.lens.tuned import Tuning
from probes.progress import Progress, silent


def fitted_lenses(
    checkpoint: Checkpoint, names: Sequence[str], *, text: str | None, seed: int, progress: Progress = silent
) -> list[Lens]:
    """Lenses in the order of `names`; after `tuned` comes `bias`. Raises StrataError for an unknown name."""
    file = Path(text) if text else None
    lenses: list[Lens] = []
    for name in names:
        if name == "logit":
            lenses.append(LOGIT_LENS)
        elif name == "tuned":
            fit = tuned_lens(checkpoint, replace(Tuning(), seed=seed), text=file, progress=progress)
            lenses += [fit.tuned, fit.bias]
        elif name == "jacobian":
            settings = replace(JacobianSettings(), seed=seed)
            lenses.append(jacobian_lens(checkpoint, settings, text=file, progress=progress))
        else:
            raise StrataError(f"There is no lens {name!r}", "Choose among: logit, tuned, jacobian")
    return lenses
