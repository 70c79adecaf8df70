"""What does each file of a folder of figures show? An index beside them: every figure with its title, its words and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strata.dashboards.figures.image_files import WrittenFigure
from strata.dashboards.page.templates import render
from strata.dashboards.page.write_page import writable
from strata.probes.files.atomic_writes import write_whole


def write_index(written: Sequence[WrittenFigure], named: str, directory: Path) -> Path:
    """Returns the path of index.html. `named`: models and run. Raises StrataError where it can't be written."""
    file = directory / "index.html"
    with writable(directory):
        write_whole(file, render("figures/index.html", figures=written, named=named))
    return file
