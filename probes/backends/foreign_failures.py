"""Another library's code on an architecture that it may not know: whatever it raises is one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import StrataError, is_out_of_memory


@contextmanager
def failures_named(backend: str, checkpoint: Checkpoint) -> Iterator[None]:
    """Raises StrataError in place of what the library raises; memory that ran out stays what it is."""
    try:
        yield
    except StrataError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise StrataError(
            f"The backend {backend} fails on {name_of(checkpoint.model)} ({type(error).__name__}: {first_line(error)})",
            "Use the default backend, torch",
        ) from error
