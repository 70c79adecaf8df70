"""The lenses by name, fitted ones taken from the cache or fitted now; the tuned lens never comes without its bias."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from strata.probes.backend_choice import BackendChoice
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import refuse_irregular
from strata.probes.lens.fitted import jacobian_lens, tuned_lens
from strata.probes.lens.jacobian import JacobianSettings
from strata.probes.lens.lenses import LOGIT_LENS, Lens
from strata.probes.lens.tuned import Tuning
from strata.probes.progress import Progress, silent


def text_sha256(text: str | None) -> str | None:
    """Identity of the file that lenses are fitted on, by content; None for no file.

    Raises StrataError when it can't be read, also where no lens that is asked for would need it.
    """
    if text is None:
        return None
    refuse_irregular(Path(text), "Give a plain text file, or leave --text out")
    try:
        with Path(text).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StrataError(
            f"--text {text} can't be read ({error.strerror or error})", "Give a plain text file, or leave --text out"
        ) from error


def refuse_fits(names: Sequence[str], through: BackendChoice) -> None:
    """Raises StrataError for a lens that has to be fitted, which no backend but torch does."""
    fitted = next((name for name in names if name != "logit"), None)
    if fitted is not None and not through.is_own:
        raise StrataError(
            f"The backend {through.name} can't fit the {fitted} lens: that takes gradients and text written by the model",
            "Use --backend torch, or the logit lens alone",
        )


def fitted_lenses(
    checkpoint: Checkpoint, names: Sequence[str], *, text: str | None, seed: int, progress: Progress = silent
) -> list[Lens]:
    """Lenses in the order of `names`; after `tuned` comes `bias`.

    Raises StrataError for an unknown name, and for a `text` that can't be read whichever lenses are asked for.
    """
    text_sha256(text)
    file = Path(text) if text else None
    lenses: list[Lens] = []
    for name in names:
        if name == "logit":
            lenses.append(LOGIT_LENS)
        elif name == "tuned":
            fit = tuned_lens(checkpoint, replace(Tuning(), seed=seed), text=file, progress=progress).fit
            lenses += [fit.tuned, fit.bias]
        elif name == "jacobian":
            settings = replace(JacobianSettings(), seed=seed)
            lenses.append(jacobian_lens(checkpoint, settings, text=file, progress=progress))
        else:
            raise StrataError(f"There is no lens {name!r}", "Choose among: logit, tuned, jacobian")
    return lenses
