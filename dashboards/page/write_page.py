"""How does a page reach the disk? `report.html` with its `view.json` beside it, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from strata.experiments.results.json_file import JsonFile, ShapeT
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import remove_unfinished, write_whole

NOTHING: Mapping[str, bytes] = {}


def write_page(
    run_dir: Path, declared: JsonFile[ShapeT], view: ShapeT, page: bytes, beside: Mapping[str, bytes] = NOTHING
) -> Path:
    """Returns the path of report.html. `declared`: which view it is; `beside`: by name, files that lie with it. Raises StrataError where it can't be written, DoesNotFitError when the disk is full."""
    with writable(run_dir):
        # The run may have ended long ago: what a kill has left of an earlier page, nobody else takes away.
        remove_unfinished(run_dir, "*")
        text = json.dumps(declared.plain(view), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        write_whole(run_dir / declared.name, text)
        for name, held in beside.items():
            write_whole(run_dir / name, held)
        write_whole(run_dir / "report.html", page)
    return run_dir / "report.html"


@contextmanager
def writable(run_dir: Path) -> Iterator[None]:
    """What the system refuses in here is told as a report that can't be written."""
    try:
        yield
    except OSError as error:
        raise StrataError(
            f"The report cannot be written to {run_dir} ({error.strerror})", "Make it writable and run `strata report`"
        ) from error
