"""Which pages does a finished run have, and how are they written? One for each model, and one for a comparison."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from strata.dashboards.page.comparison import write_comparison
from strata.dashboards.page.write import write_report
from strata.probes.errors import DoesNotFitError
from strata.probes.progress import Progress, silent


def write_pages(run: Path, models: Iterable[Path] = (), progress: Progress = silent) -> Path:
    """The page of the run in `run`; of a comparison, whose models' runs are `models`, their pages as well.

    Returns the path of report.html. Raises StrataError where a table is absent or broken, DoesNotFitError where the disk
    is full.
    """
    of_models = [partial(write_report, model) for model in models]
    writers = [*of_models, partial(write_comparison if of_models else write_report, run)]
    try:
        for done, write in enumerate(writers):
            progress("page", done, len(writers), "pages")
            write()
        progress("page", len(writers), len(writers), "pages")
    except DoesNotFitError as error:
        raise DoesNotFitError(
            f"{error.what}; the run is done and keeps its numbers",
            f"Free some space, then: strata report {shlex.quote(str(run))}",
        ) from error
    return run / "report.html"
