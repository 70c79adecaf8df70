"""Rebuild the page of a run: view.json and report.html from its tables. No model is opened.

Of a comparison, also the pages of its models. Beside each lies preview.png, which a shared link shows; services that follow only
whole addresses find it with --url. The same figures as files, for a paper, with --figures: the main map first, and
index.html, which says what each shows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from strata.dashboards.cli.display import DISPLAYS, Display, only_results_on_stdout
from strata.dashboards.cli.terminal import say, write_json
from strata.dashboards.number_formats import count
from strata.probes.errors import StrataError

if TYPE_CHECKING:
    from strata.dashboards.figures.figures_of_run import FiguresOfRun

EXAMPLES = """examples:
  strata report runs/demo
  strata report runs/demo --json
  strata report runs/demo --figures paper/figures --only stages
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory")
    parser.add_argument(
        "--figures",
        metavar="DIR",
        help="also write the page's figures there as SVG, PDF and PNG (needs strata-probes[figures] and a Chromium)",
    )
    parser.add_argument(
        "--only",
        metavar="VIEW",
        action="append",
        default=[],
        help="of the figures, those of this view alone: stages, curves, map, …; may be given several times",
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        help="where the page will be put, so that a shared link to it shows its preview (https://example.org/runs/demo/)",
    )
    parser.add_argument(
        "--display", choices=DISPLAYS, default="auto", help="progress on stderr: rich, plain, none, or auto (default)"
    )
    parser.add_argument("--json", action="store_true", help="print exactly one JSON object, and no progress")


def run(arguments: argparse.Namespace, _command: list[str]) -> int:
    from strata.dashboards.page import write_pages
    from strata.dashboards.page.page_context import checked_address
    from strata.experiments.run.finished import finished_run

    address = checked_address(arguments.url)
    if arguments.only and arguments.figures is None:
        raise StrataError("--only chooses among the figures, and none are asked for", "Add --figures DIR")
    finished = finished_run(Path(arguments.run))
    for model in finished.models.values():
        finished_run(model)
    display = Display("none" if arguments.json else arguments.display, finished.directory.name)
    with only_results_on_stdout() as stdout, display.listening():
        # Before the page: a view that isn't there is told at once.
        chosen = None if arguments.figures is None else _chosen(finished.directory, arguments.only)
        page = write_pages(finished.directory, display, address=address)
        written = [] if chosen is None else _written(chosen, Path(arguments.figures), display)
        size = page.stat().st_size
        if arguments.json:
            write_json(stdout, {"report": str(page), "bytes": size, "figures": [str(file) for file in written]})
        else:
            say(stdout, f"report: {page} ({size / 1e6:.1f} MB)\n")
            if written:
                shown = Path(arguments.figures) / "index.html"
                say(
                    stdout, f"figures: {count(len(written), 'file')} in {arguments.figures}; what each shows: {shown}\n"
                )
    return 0


def _chosen(run: Path, only: Sequence[str]) -> FiguresOfRun:
    from strata.dashboards.figures.figures_of_run import figures_of_run, of_views

    return of_views(figures_of_run(run), only)


def _written(run: FiguresOfRun, directory: Path, display: Display) -> list[Path]:
    """The files of the figures; an index lies beside them."""
    from strata.dashboards.figures.image_files import write_images
    from strata.dashboards.page.figure_index import write_index

    figures = write_images(run, directory, display)
    write_index(figures, run.named, directory)
    return [file for figure in figures for file in figure.files]
