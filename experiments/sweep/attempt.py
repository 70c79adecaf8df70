"""One run of a sweep is tried: it is made, or the reason why it can't be is handed on, so that the others go on."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from strata.experiments.results.sweep import Failure, WhyFailed
from strata.experiments.run.directory_lock import TakenError
from strata.probes.errors import (
    DamagedError,
    DoesNotFitError,
    SelfTestError,
    StrataError,
    is_disk_full,
    is_out_of_memory,
)
from strata.probes.progress import Progress

Job = Callable[[Progress], object]
"""Makes one run, or goes on with it where it was. It can be handed to another process, and to begin it twice does no harm."""
_WAITS, _BETWEEN = 60.0, 1.0
"""Seconds: how long a directory may be in the hands of a process that is about to end, its sweep or its node being lost; and between two looks."""
_CODES: tuple[tuple[type[StrataError], WhyFailed], ...] = (
    (DoesNotFitError, "does-not-fit"),
    (SelfTestError, "self-test"),
    (DamagedError, "damaged"),
    (StrataError, "refused"),
)


@dataclass(frozen=True)
class Attempt:
    """How it went."""

    failure: Failure | None = None
    """None: the run is made."""
    trace: str = ""
    """Of a defect: where in the code it came up."""


def attempted(job: Job, progress: Progress, node: str | None = None) -> Attempt:
    """Makes the run. What a person's request to stop raises goes through."""
    limit = time.monotonic() + _WAITS
    while True:
        try:
            job(progress)
            return Attempt()
        except TakenError as error:
            if time.monotonic() > limit:
                return Attempt(Failure(code="refused", text=str(error), node=node))
            time.sleep(_BETWEEN)
        except Exception as error:
            return _failed(error, node)


def _failed(error: Exception, node: str | None) -> Attempt:
    if isinstance(error, StrataError):
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        return Attempt(Failure(code=code, text=str(error), node=node))
    # One run's fault must not take the other ones along; it is shown in full where it is told.
    full = is_out_of_memory(error) or is_disk_full(error)
    said = (str(error).splitlines() or [""])[0]
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    trace = "".join(traceback.format_exception(error))
    return Attempt(Failure(code="does-not-fit" if full else "defect", text=text, node=node), trace)
