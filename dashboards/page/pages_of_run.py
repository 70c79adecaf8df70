"""Which pages does a finished run have, and how are they written? One for itself, and one for each model it compares."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from strata.dashboards.page.behave_page import write_behave_report
from strata.dashboards.page.comparison_page import write_comparison
from strata.dashboards.page.page_context import ALONE, PageContext, of_model
from strata.dashboards.page.probe_page import write_probe_report
from strata.dashboards.page.sweep_page import write_sweep_report
from strata.dashboards.page.write_report import write_report
from strata.experiments.results.compared_behaviour import BEHAVIOUR
from strata.experiments.run.files import read_manifest
from strata.probes.errors import DoesNotFitError
from strata.probes.progress import Progress, silent


class _Writer(Protocol):
    """Writes the page of a run; returns its path."""

    def __call__(self, run_dir: Path, *, around: PageContext = ALONE) -> Path: ...


_WRITERS: Mapping[str, _Writer] = {
    "locate": write_report, "compare": write_comparison, "probe": write_probe_report, "behave": write_behave_report,
    "sweep": write_sweep_report,
}  # fmt: skip


def write_first_page(run: Path) -> Path | None:
    """The page of one model's finished run inside of a comparison that goes on; None where it has one.

    Raises what `write_pages` raises.
    """
    return None if (run / "report.html").exists() else _WRITERS[read_manifest(run).verb](run)


def write_pages(run: Path, progress: Progress = silent, address: str | None = None) -> Path:
    """The page of the run in `run`; of a comparison, those of its models' runs as well.

    `address`: where the page will be read, so that a shared link to it finds its picture.
    Returns the path of report.html. Raises StrataError where a table is absent or broken, DoesNotFitError where the disk
    is full.
    """
    manifest = read_manifest(run)
    models = manifest.compared_weights() if manifest.verb == "compare" else ()
    behaved = [summary for role in models if (summary := run / BEHAVIOUR / role / "summary.json").exists()]
    own = PageContext(address)
    writers = [
        *(partial(write_report, run / role, around=of_model(role, tuple(models), address)) for role in models),
        *(partial(write_behave_report, summary.parent) for summary in behaved),
        partial(_WRITERS[manifest.verb], run, around=own),
    ]
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
