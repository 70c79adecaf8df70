"""The frame of every verb that measures a model into a run directory: progress, what is kept when it is stopped, what is told at the end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO, TypeVar

from strata.dashboards.cli.common_options import DisplayOptions
from strata.dashboards.cli.display import Display, only_results_on_stdout
from strata.dashboards.cli.stopping import Stopped
from strata.dashboards.number_formats import seconds_text

Result = TypeVar("Result")


def measured_run(
    out: Path,
    shown: DisplayOptions,
    command: Sequence[str],
    measure: Callable[[Display], Result],
    tell: Callable[[Result, str, TextIO], None],
    opens: Callable[[Path], object] = lambda page: None,
) -> int:
    """Exit code 0 once `measure` has ended. `tell` gets its result, the line that names the page of `out`, and stdout; `opens` the page.

    Raises Stopped when the person stops it, after saying what is kept and how to go on.
    """
    display = shown.made(out.name)
    began = time.monotonic()
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                result = measure(display)
        except Stopped:
            display.note(f"stopped; what was measured is kept in {out}. Resume: strata {shlex.join(command)}")
            raise
        tell(result, _page_line(out, time.monotonic() - began), stdout)
        opens(out / "report.html")
    return 0


def _page_line(out: Path, seconds: float) -> str:
    page = out / "report.html"
    return f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, {seconds_text(seconds)})"
